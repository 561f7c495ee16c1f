"""Follows the users of Portcullis with kombu, which Celery is made of: pip install kombu"""

import json
import os
import signal

from kombu import Connection, Exchange, Queue
from kombu.mixins import ConsumerMixin

from users import Users

AMQP_URL = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost:5672/%2f")
EXCHANGE = Exchange(os.environ.get("EXCHANGE", "auth.events"), type="topic", durable=True)
NAME = os.environ.get("QUEUE", "crm.users")
DEAD = Queue(f"{NAME}.dead", durable=True, queue_arguments={"x-queue-type": "quorum"})
QUEUE = Queue(
    NAME,
    EXCHANGE,
    routing_key="user.*",
    durable=True,
    queue_arguments={
        "x-queue-type": "quorum",
        "x-single-active-consumer": True,
        "x-delivery-limit": 20,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": DEAD.name,
    },
)
users = Users(os.environ.get("DATABASE", "users.db"))


class Follower(ConsumerMixin):
    """The mixin connects again whenever the connection is lost."""

    def __init__(self, connection):
        self.connection = connection

    def get_consumers(self, consumer, channel):
        DEAD(channel).declare()
        # `on_message` takes the body as it is: kombu does not know the media type of CloudEvents.
        return [consumer([QUEUE], on_message=self.take, prefetch_count=50)]

    def on_consume_ready(self, *_, **__):
        print("ready", flush=True)

    def take(self, message):
        try:
            event = json.loads(message.body)
            new = users.handle(event)
        except (ValueError, KeyError, TypeError) as error:
            # No second try would read it any better.
            message.reject()
            print("rejected", type(error).__name__, flush=True)
        else:
            # Only now: whatever happened before this line, the broker would have given it to us again.
            message.ack()
            print("handled" if new else "duplicate", event["type"], event["id"], event["subject"], flush=True)


if __name__ == "__main__":
    with Connection(AMQP_URL, heartbeat=30) as connection:
        follower = Follower(connection)
        signal.signal(signal.SIGTERM, lambda *_: setattr(follower, "should_stop", True))
        follower.run()
