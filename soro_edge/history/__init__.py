"""A pupil's conversations in one SQLite file: kept, found again, repaired, exported.

`store.History` is the door. Knows chat's messages, no session, no engine and no screen.
"""
