"""The command line: parse, call one verb, print. Heavy imports live inside the commands."""
