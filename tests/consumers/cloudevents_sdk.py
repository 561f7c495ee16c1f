"""Reads the events that wait in a queue with the CloudEvents SDK and pika: pip install cloudevents pika

They stay in the queue: nothing is acknowledged. Prints a line for each.
"""

import os

import pika
from cloudevents.core.bindings.rabbitmq import RabbitMQMessage, from_rabbitmq
from cloudevents.core.formats.json import JSONFormat

AMQP_URL = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost:5672/%2f")
QUEUE = os.environ.get("QUEUE", "auth-events")

with pika.BlockingConnection(pika.URLParameters(AMQP_URL)) as connection:
    channel = connection.channel()
    while True:
        method, properties, body = channel.basic_get(QUEUE)
        if method is None:
            break
        message = RabbitMQMessage(properties.headers or {}, properties.content_type, body)
        # The SDK checks the attributes and raises an error that names what is wrong.
        event = from_rabbitmq(message, JSONFormat())
        if event.get_id() != properties.message_id or event.get_type() != properties.type:
            raise SystemExit(f"the properties are not those of {event.get_id()}")
        sequence = event.get_extension("sequence")
        print(event.get_type(), event.get_id(), event.get_subject(), sequence, sorted(event.get_data()))
