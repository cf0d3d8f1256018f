"""Crowd: clients that send one message after the other and count what becomes of each."""
import threading
import time

from . import messages
from .smtp_client import RawClient


class Crowd:
    """Each message is accepted (250 to its dot), refused (any reply of 4xx or 5xx), or its connection was lost."""

    def __init__(self, address, source, count):
        self.address = address
        self.source = source
        self.lock = threading.Lock()
        self.accepted = []
        self.trouble = []  # what was not accepted, in words
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=self._send_all, daemon=True) for _ in range(count)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self.threads:
            thread.join(60)

    def _send_all(self):
        while not self.is_over.is_set():
            self._send()

    def _send(self):
        ident = messages.new_id()
        try:
            with RawClient(self.address, source=self.source, timeout=30) as client:
                client.hello()
                client.transaction(messages.simple(ident))
                with self.lock:
                    self.accepted.append(ident)
                client.quit()
        except Exception as error:  # whatever it was, this message was not carried in order
            with self.lock:
                self.trouble.append(f"{ident} at {time.strftime('%H:%M:%S')}: {type(error).__name__}: {error}")
            time.sleep(0.05)
