"""Runs SQL statements with DuckDB, from a JSON list on standard input, in the directory of the log. Prints the rows of each as JSON."""

import json
import sys

import duckdb

connection = duckdb.connect()
answers = []
for statement in json.load(sys.stdin):
    result = connection.execute(statement)
    names = [column[0] for column in result.description or []]
    answers.append([dict(zip(names, row)) for row in result.fetchall()])
json.dump(answers, sys.stdout, default=str)
