"""The timeline: what happened, live in the notebook and as one offline HTML file.

The same front end (``/widgets``) shows both. Python turns a history into rows
(:mod:`duranb.timelines.rows`), says what changed since the front end last looked
(:mod:`duranb.timelines.model`), looks into one execution on request
(:mod:`duranb.timelines.detail`), and answers the front end's requests
(:mod:`duranb.timelines.requests`). It never unpickles.
"""
