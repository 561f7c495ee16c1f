"""Follows the users of Portcullis with pika: pip install pika"""

import json
import os
import signal
import threading

import pika
from pika.exceptions import AMQPError

from users import Users

AMQP_URL = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost:5672/%2f")
EXCHANGE = os.environ.get("EXCHANGE", "auth.events")
QUEUE = os.environ.get("QUEUE", "crm.users")
users = Users(os.environ.get("DATABASE", "users.db"))
stop = threading.Event()


def declare(channel):
    """A durable queue of our own: it fills while we are away. What cannot be read goes to a second one."""
    channel.exchange_declare(EXCHANGE, exchange_type="topic", durable=True)
    channel.queue_declare(f"{QUEUE}.dead", durable=True, arguments={"x-queue-type": "quorum"})
    arguments = {
        "x-queue-type": "quorum",
        "x-single-active-consumer": True,
        "x-delivery-limit": 20,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": f"{QUEUE}.dead",
    }
    channel.queue_declare(QUEUE, durable=True, arguments=arguments)
    channel.queue_bind(QUEUE, EXCHANGE, routing_key="user.*")


def take(channel, tag, body):
    try:
        event = json.loads(body)
        new = users.handle(event)
    except (ValueError, KeyError, TypeError) as error:
        # No second try would read it any better.
        channel.basic_reject(tag, requeue=False)
        print("rejected", type(error).__name__, flush=True)
    else:
        # Only now: whatever happened before this line, the broker would have given it to us again.
        channel.basic_ack(tag)
        print("handled" if new else "duplicate", event["type"], event["id"], event["subject"], flush=True)


def consume():
    with pika.BlockingConnection(pika.URLParameters(AMQP_URL)) as connection:
        channel = connection.channel()
        declare(channel)
        channel.basic_qos(prefetch_count=50)
        print("ready", flush=True)
        for method, _, body in channel.consume(QUEUE, inactivity_timeout=0.5):
            if stop.is_set():
                break
            if method is not None:
                take(channel, method.delivery_tag, body)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    while not stop.is_set():
        try:
            consume()
        except AMQPError as error:
            print("again in a second:", repr(error), flush=True)
            stop.wait(1)
