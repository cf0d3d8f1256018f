#!/usr/bin/env python3
"""The file behind the memory, in the root directory and the sandbox of a worker that was started as root: what it keeps, and
what becomes of it when the worker is killed, the disk is full or read-only, or somebody has damaged it.

Needs root: the user _smtpguard, /var/lib and small disks are bind mounts in namespaces of its own.
"""
import os
import re
import signal
import time

from support import machine, messages
from support.backend import ScriptedBackend
from support.battery import LISTENERS, V4
from support.guard import Guard, can_connect
from support.harness import Suite, expect, wait_until
from support.smtp_client import RawClient

MX = LISTENERS[0]


def started(suite, name, backend):
    guard = Guard(suite, "guard-" + name, [MX], backend.address, "proxy-v2", {
        "memory": {"enabled": "true"}, "networks": {"local": "[]"}, "dns": {"budget": '"200ms"'}})
    guard.start()
    guard.log.wait_for(r"worker \d+ is ready")  # the port is open before
    return guard


def deliver():
    with RawClient(MX, source=V4, timeout=20) as client:
        client.hello()
        client.transaction(messages.simple(messages.new_id()))
        client.quit()


def remembered(suite, backend):
    """The store of the memory in the root directory and the sandbox of the worker: kept over its death, put aside when it
    is damaged; a full and a read-only disk are told, and mail goes on."""
    disk = machine.small_disk(machine.STATE, 1024)
    store = os.path.join(disk, "memory.sqlite")
    guard = started(suite, "memory", backend)
    guard.log.wait_for(r"0 clients remembered from /memory.sqlite")
    deliver()
    wait_until(lambda: guard.log.find(r"event=summary .*memory=learned"), "the client has earned a pass")
    time.sleep(1)
    os.kill(guard.worker, signal.SIGKILL)
    guard.log.wait_for(r"[12] clients remembered from /memory.sqlite")
    wait_until(lambda: can_connect(MX), "the next worker serves")
    deliver()
    wait_until(lambda: guard.log.find(r"event=memory memory=known by=" + re.escape(V4)), "it is known to the next worker")

    filler = os.path.join(disk, "filler")
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
    deliver()
    guard.log.wait_for(r"memory: /memory.sqlite: .*; what is learned is kept in memory alone")
    os.unlink(filler)
    guard.log.wait_for(r"memory: /memory.sqlite works again")
    guard.stop()

    for name in os.listdir(disk):
        os.unlink(os.path.join(disk, name))
    with open(store, "wb") as file:
        file.write(b"no database " * 1000)
    os.chown(store, machine.UID, machine.UID)
    guard = started(suite, "damaged", backend)
    guard.log.wait_for(r"memory: /memory.sqlite is damaged; it is put aside as /memory.sqlite.damaged")
    deliver()
    wait_until(lambda: os.path.getsize(store) > 0, "a new file")
    guard.stop()

    machine.mount("-o", "remount,ro", disk)
    guard = started(suite, "read-only", backend)
    guard.log.wait_for(r"memory: /memory.sqlite: .*; what is learned is kept in memory alone")
    deliver()
    guard.stop()
    machine.mount("-o", "remount,rw", disk)
    refused = guard.log.find(r"sandbox: the system call")
    expect(not refused, f"the worker wanted more than it has: {refused}")


def main():
    suite = Suite("memory_store", __doc__)
    machine.install(os.path.join(suite.work, "machine"))
    backend = ScriptedBackend().start()
    suite.case("remembered", remembered, suite, backend, limit=60)
    suite.finish()


if __name__ == "__main__":
    main()
