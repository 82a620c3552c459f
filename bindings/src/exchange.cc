#include "exchange.h"

#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <climits>
#include <cstring>

namespace shim {
namespace {

int64_t Now() {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000;
}

void Failed(uint32_t* table, uint32_t call) {
  table[kErrno] = errno;
  table[kCall] = call;
}

// Waits until the socket is ready for `events`; false when it is not, which the table's flags or errno tell.
bool Wait(int fd, int wake, short events, int64_t deadline, uint32_t* table) {
  struct pollfd fds[2] = {{fd, events, 0}, {wake, POLLIN, 0}};
  for (;;) {
    int64_t left = deadline < 0 ? -1 : std::clamp<int64_t>(deadline - Now(), 0, INT_MAX);
    int ready = poll(fds, 2, static_cast<int>(left));
    if (ready < 0) {
      if (errno == EINTR) continue;
      Failed(table, kPoll);
      return false;
    }
    if (fds[1].revents != 0) {
      table[kFlags] |= kInterrupted;
      return false;
    }
    if (ready > 0) return true;
    table[kFlags] |= kTimedOut;
    return false;
  }
}

ssize_t SendOnce(int fd, const Span& request) {
  struct sockaddr_nl kernel = {};
  kernel.nl_family = AF_NETLINK;
  for (;;) {
    ssize_t count =
        sendto(fd, request.data, request.size, 0, reinterpret_cast<struct sockaddr*>(&kernel), sizeof kernel);
    if (count >= 0 || errno != EINTR) return count;
  }
}

void Send(int fd, int wake, const Transfer& transfer, int64_t deadline) {
  while (SendOnce(fd, transfer.request) < 0) {
    if (errno != EAGAIN) {
      Failed(transfer.table, kSendmsg);
      return;
    }
    if (!Wait(fd, wake, POLLOUT, deadline, transfer.table)) return;
  }
  transfer.table[kFlags] |= kSent;
}

// The number of the namespace that a datagram is from, told on sockets with NETLINK_LISTEN_ALL_NSID.
uint32_t NamespaceOf(struct msghdr* message) {
  for (struct cmsghdr* part = CMSG_FIRSTHDR(message); part != nullptr; part = CMSG_NXTHDR(message, part)) {
    if (part->cmsg_level != SOL_NETLINK || part->cmsg_type != NETLINK_LISTEN_ALL_NSID) continue;
    int nsid = -1;
    memcpy(&nsid, CMSG_DATA(part), sizeof nsid);
    return static_cast<uint32_t>(nsid);
  }
  return kOwnNamespace;
}

Failure SetBuffer(int fd, int size, int forced, int limited) {
  if (size <= 0 || setsockopt(fd, SOL_SOCKET, forced, &size, sizeof size) == 0) return {};
  // without CAP_NET_ADMIN the system's limit holds
  if (setsockopt(fd, SOL_SOCKET, limited, &size, sizeof size) != 0) return Failure::Of("setsockopt");
  return {};
}

}  // namespace

Failure OpenSocket(int protocol, int receive_buffer, int send_buffer, Descriptor* out, Options* options) {
  Descriptor fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  if (!fd.valid()) return Failure::Of("socket");
  const struct {
    int name;
    bool* known;
  } wanted[] = {{NETLINK_EXT_ACK, &options->extended_ack},
                {NETLINK_CAP_ACK, &options->capped_ack},
                {NETLINK_GET_STRICT_CHK, &options->strict_checks}};
  for (const auto& option : wanted) {
    int on = 1;
    *option.known = setsockopt(fd.get(), SOL_NETLINK, option.name, &on, sizeof on) == 0;
    if (!*option.known && errno != ENOPROTOOPT) return Failure::Of("setsockopt");
  }
  if (Failure failure = SetBuffer(fd.get(), receive_buffer, SO_RCVBUFFORCE, SO_RCVBUF)) return failure;
  if (Failure failure = SetBuffer(fd.get(), send_buffer, SO_SNDBUFFORCE, SO_SNDBUF)) return failure;
  struct sockaddr_nl own = {};
  own.nl_family = AF_NETLINK;
  if (bind(fd.get(), reinterpret_cast<struct sockaddr*>(&own), sizeof own) != 0) return Failure::Of("bind");
  *out = std::move(fd);
  return {};
}

void Drain(int fd, const Transfer& transfer) {
  uint32_t* table = transfer.table;
  size_t used = 0;
  size_t count = 0;
  while (used <= transfer.buffer.size && transfer.buffer.size - used >= kRoom &&
         kHead + (count + 1) * kEntry <= transfer.words) {
    struct sockaddr_nl sender = {};
    struct iovec part = {transfer.buffer.data + used, transfer.buffer.size - used};
    alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    struct msghdr message = {};
    message.msg_name = &sender;
    message.msg_namelen = sizeof sender;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t length = recvmsg(fd, &message, MSG_DONTWAIT | MSG_TRUNC);
    if (length < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) Failed(table, kRecvmsg);
      break;
    }
    size_t there = std::min<size_t>(length, part.iov_len);
    uint32_t* entry = table + kHead + count * kEntry;
    entry[kOffset] = used;
    entry[kLength] = there;
    entry[kRealLength] = length;
    entry[kSender] = sender.nl_pid;
    entry[kGroups] = sender.nl_groups;
    entry[kNsid] = NamespaceOf(&message);
    used = (used + there + 7) & ~size_t{7};
    count++;
  }
  table[kCount] = count;
}

void Exchange(int fd, int wake, const Transfer& transfer) {
  int64_t deadline = transfer.timeout < 0 ? -1 : Now() + transfer.timeout;
  uint32_t* table = transfer.table;
  if (transfer.request.size > 0) {
    Send(fd, wake, transfer, deadline);
    if ((table[kFlags] & kSent) == 0) return;
  }
  // the kernel has answered most requests before sendto returns
  Drain(fd, transfer);
  if (table[kCount] != 0 || table[kErrno] != 0) return;
  if (Wait(fd, wake, POLLIN, deadline, table)) Drain(fd, transfer);
}

Failure SendNow(int fd, const Span& request) {
  if (SendOnce(fd, request) < 0) return Failure::Of("sendmsg");
  return {};
}

}  // namespace shim
