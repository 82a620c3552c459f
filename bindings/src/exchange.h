// The system calls of a netlink socket, without JavaScript.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shim.h"

namespace shim {

// What a receive needs at least: the kernel fills dumps up to this size once it has seen such a buffer.
constexpr size_t kRoom = 32768;

// The table of an exchange: four words about the whole, then six for each datagram.
enum : size_t { kCount, kErrno, kFlags, kCall, kHead };
enum : size_t { kOffset, kLength, kRealLength, kSender, kGroups, kNsid, kEntry };
// kNsid where the kernel does not tell which namespace a datagram is from: it is the socket's own.
constexpr uint32_t kOwnNamespace = UINT32_MAX;
enum : uint32_t { kSent = 1, kTimedOut = 2, kInterrupted = 4 };
// Which system call kErrno is of.
enum : uint32_t { kNoCall, kSendmsg, kPoll, kRecvmsg };

struct Span {
  uint8_t* data = nullptr;
  size_t size = 0;
};

struct Transfer {
  Span request;
  Span buffer;
  uint32_t* table = nullptr;
  size_t words = 0;
  int64_t timeout = -1;  // ms, negative: none
};

// Which of the options that every socket shall have the kernel knows.
struct Options {
  bool extended_ack = false;   // NETLINK_EXT_ACK, Linux 4.12
  bool capped_ack = false;     // NETLINK_CAP_ACK, Linux 4.3
  bool strict_checks = false;  // NETLINK_GET_STRICT_CHK, Linux 4.20
};

// Opens a socket in the calling thread's namespace, sets its options and binds it. Buffer sizes in bytes, 0: as it comes.
Failure OpenSocket(int protocol, int receive_buffer, int send_buffer, Descriptor* out, Options* options);

// Sends the request, if there is one; waits until there is a datagram; takes all there are. `wake` is an eventfd that ends
// the wait, or -1.
void Exchange(int fd, int wake, const Transfer& transfer);

// Takes what is there, without waiting, as long as there is room.
void Drain(int fd, const Transfer& transfer);

// Sends without waiting for anything.
Failure SendNow(int fd, const Span& request);

}  // namespace shim
