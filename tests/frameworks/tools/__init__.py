"""Tools made by ``@duranb.tool`` in the hands of the frameworks, registered as any function is."""
