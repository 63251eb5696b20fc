#include "datagrams.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <cstring>
#include <sstream>
#include <type_traits>
#include <utility>

#include "ijepa/comm/cluster.hpp"

namespace ijepa {
namespace {

static_assert(std::is_trivially_copyable_v<Beat>);

sockaddr_in address_of(const std::string& text, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, text.c_str(), &address.sin_addr);
  return address;
}

/// Of the interfaces that are up, but for the loopback, which is known without being told.
std::vector<std::string> own_addresses() {
  std::vector<std::string> texts;
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return texts;
  for (const ifaddrs* i = all; i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr || i->ifa_addr->sa_family != AF_INET) continue;
    if ((i->ifa_flags & IFF_UP) == 0 || (i->ifa_flags & IFF_LOOPBACK) != 0) continue;
    sockaddr_in address{};
    std::memcpy(&address, i->ifa_addr, sizeof address);
    std::array<char, INET_ADDRSTRLEN> text{};
    if (::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size()) != nullptr)
      texts.emplace_back(text.data());
  }
  ::freeifaddrs(all);
  return texts;
}

}  // namespace

Datagrams::Datagrams() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
  sockaddr_in any{};
  any.sin_family = AF_INET;
  // Without a network this rank is never heard, which the others tell.
  ::bind(socket_, reinterpret_cast<const sockaddr*>(&any), sizeof any);
}

Datagrams::~Datagrams() {
  ::close(socket_);
}

std::string Datagrams::contact() const {
  sockaddr_in own{};
  socklen_t size = sizeof own;
  ::getsockname(socket_, reinterpret_cast<sockaddr*>(&own), &size);
  std::string text = fmt::format("{} {}", host_name(), ntohs(own.sin_port));
  for (const auto& address : own_addresses()) text += " " + address;
  return text;
}

void Datagrams::set_contacts(const std::vector<std::string>& contacts) {
  for (const auto& contact : contacts) {
    std::istringstream words(contact);
    Peer peer;
    int port = 0;
    words >> peer.host >> port;
    if (peer.host == host_name()) peer.addresses.push_back(address_of("127.0.0.1", port));
    for (std::string word; words >> word;) peer.addresses.push_back(address_of(word, port));
    peers_.push_back(std::move(peer));
  }
}

void Datagrams::send(const Beat& beat) const {
  for (const sockaddr_in& address : peers_[static_cast<std::size_t>(beat.to)].addresses) {
    // Lost like any other datagram where the system refuses it: the next beat is due soon.
    ::sendto(socket_, &beat, sizeof beat, MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
             sizeof address);
  }
}

std::optional<Beat> Datagrams::receive(std::uint64_t token, int rank, double seconds) {
  pollfd ready{socket_, POLLIN, 0};
  if (::poll(&ready, 1, static_cast<int>(std::ceil(seconds * 1e3))) <= 0) return std::nullopt;
  std::array<std::byte, sizeof(Beat)> bytes{};
  sockaddr_in source{};
  socklen_t size = sizeof source;
  const auto n = ::recvfrom(socket_, bytes.data(), bytes.size(), MSG_TRUNC,
                            reinterpret_cast<sockaddr*>(&source), &size);
  if (n != std::ssize(bytes)) return std::nullopt;
  const auto beat = beat_of(bytes, static_cast<int>(peers_.size()));
  if (!beat || beat->token != token || beat->to != rank) return std::nullopt;
  Peer& peer = peers_[static_cast<std::size_t>(beat->from)];
  if (!std::exchange(peer.heard, true)) peer.addresses = {source};
  return beat;
}

}  // namespace ijepa
