import job
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.func import entrypoint, task
from langgraph.types import RetryPolicy

with SqliteSaver.from_conn_string("langgraph.sqlite") as saver:
    # job begins
    again = RetryPolicy(max_attempts=10, initial_interval=0.5, retry_on=job.worth_a_retry)

    @task(retry_policy=again)
    def about(document):
        try:
            return job.about(document)
        except Exception as error:
            if job.worth_a_retry(error):
                raise
            return {"failed": repr(error)}

    @entrypoint(checkpointer=saver)
    def all_of_them(documents):
        return [future.result() for future in [about(document) for document in documents]]

    config = {"configurable": {"thread_id": "job"}, "max_concurrency": 16}
    begun = saver.get_tuple(config) is not None
    results = all_of_them.invoke(
        None if begun else list(job.documents()), config, durability="sync"
    )
    # job ends
    job.done([None if isinstance(r, dict) else r for r in results])
