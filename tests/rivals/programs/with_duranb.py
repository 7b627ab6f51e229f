import job

import duranb


# job begins
@duranb.step
def all_of_them():
    return duranb.map(job.about, job.documents(), workers=16, retries=10, on_error="collect")


# job ends


with duranb.durable(__file__):
    results = all_of_them()
    job.done([r or None for r in results])
