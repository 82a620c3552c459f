"""What systemd does, sd_listen_fds(3): listens at NAME=PATH..., and after -- starts a program with the sockets."""
import fcntl, os, socket, sys

at = sys.argv.index("--")
places, command = sys.argv[1:at], sys.argv[at + 1:]
os.umask(0o177)
sockets = []
for place in places:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place.split("=", 1)[1])
    listener.listen(64)
    # out of the way of the places that they are to have
    sockets.append(fcntl.fcntl(listener.fileno(), fcntl.F_DUPFD, 32))
    listener.close()
for number, descriptor in enumerate(sockets):
    os.dup2(descriptor, 3 + number)
    os.close(descriptor)
os.environ.update(
    LISTEN_PID=str(os.getpid()),
    LISTEN_FDS=str(len(places)),
    LISTEN_FDNAMES=":".join(place.split("=", 1)[0] for place in places),
)
os.execvp(command[0], command)
