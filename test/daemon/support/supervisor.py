"""Stands for systemd: listens, passes the socket to a daemon, and starts it anew. SIGHUP: in place of the one that runs."""
import os, signal, socket, subprocess, sys

path, command = sys.argv[1], sys.argv[2:]
listener = socket.socket(socket.AF_UNIX)
os.umask(0o177)
listener.bind(path)
listener.listen(4096)
if listener.fileno() != 3:
    os.dup2(listener.fileno(), 3)



wanted, child = {"end": False}, None
signal.signal(signal.SIGHUP, lambda *_: child.terminate())


def end(*_):
    wanted["end"] = True
    child.terminate()


signal.signal(signal.SIGTERM, end)
while not wanted["end"]:
    # what the daemon gets of the environment is set in the child, where its number is known
    child = subprocess.Popen(["/bin/sh", "-c", 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"', "sh", *command], pass_fds=[3])
    child.wait()
