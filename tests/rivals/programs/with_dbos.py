import job
from dbos import DBOS, SetWorkflowID


# job begins
@DBOS.step(
    retries_allowed=True, interval_seconds=0.5, max_attempts=10, should_retry=job.worth_a_retry
)
def about(document):
    return job.about(document)


@DBOS.workflow()
def one(document):
    try:
        return about(document)
    except Exception as error:
        return {"failed": repr(error)}


@DBOS.workflow()
def all_of_them(documents):
    queue = DBOS.register_queue("documents", worker_concurrency=16, polling_interval_sec=0.1)
    handles = [queue.enqueue(one, document) for document in documents]
    return [handle.get_result() for handle in handles]


# job ends


DBOS(config={"name": "job", "system_database_url": "sqlite:///dbos.sqlite", "log_level": "ERROR"})
DBOS.launch()
with SetWorkflowID("job"):
    results = DBOS.start_workflow(all_of_them, list(job.documents())).get_result()
job.done([None if isinstance(r, dict) else r for r in results])
DBOS.destroy()
