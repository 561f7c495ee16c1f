"""What a service keeps of the events about users: a table, and the ids of the events that are in it already."""

import sqlite3


class Users:
    def __init__(self, path):
        self.db = sqlite3.connect(path)
        with self.db:
            self.db.execute("CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY, email TEXT NOT NULL)")
            self.db.execute("CREATE TABLE IF NOT EXISTS handled (event TEXT PRIMARY KEY, at TEXT NOT NULL)")

    def handle(self, event):
        """Whether the event was new. The change and the id of its cause are committed together, or neither is."""
        with self.db:
            row = (event["id"], event["time"])
            if self.db.execute("INSERT OR IGNORE INTO handled VALUES (?, ?)", row).rowcount == 0:
                return False
            data = event["data"]
            if event["type"] == "portcullis.user.registered.v1":
                self.db.execute("INSERT INTO users VALUES (?, ?)", (data["user_id"], data["email"]))
            elif event["type"] == "portcullis.user.deleted.v1":
                self.db.execute("DELETE FROM users WHERE id = ?", (data["user_id"],))
            # Any other event, and any other field, is passed over: new ones appear within v1.
            return True
