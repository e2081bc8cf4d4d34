"""PL/pgSQL: PostgreSQL's procedural language (manual, chapter 43).

    text --tokens--> parse --> tree, a Function of blocks --interpret--> values, rows, notices
                                 every SQL text in it with the names visible there --embedded--> plans

Rule 1: a tree depends on the text alone and is kept by it; what depends on types and relations is
        compiled when it is first reached and kept as long as the catalog stays.
Rule 2: bodies run inside the statement that calls them, on a thread of their own, and may wait
        (server.executor.routines).
"""
