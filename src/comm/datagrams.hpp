// Datagrams: a UDP socket for small messages between the ranks of a job. They may get lost and come
// at any time; nobody waits for one.
#pragma once
#include <netinet/in.h>

#include <optional>
#include <string>
#include <vector>

#include "roll_call.hpp"

namespace ijepa {

class Datagrams {
 public:
  /// Binds any free port of all IPv4 interfaces; where there is no network, nobody is heard.
  Datagrams();
  ~Datagrams();
  Datagrams(const Datagrams&) = delete;
  Datagrams& operator=(const Datagrams&) = delete;

  /// "host port address address ...": where other ranks may reach this one.
  std::string contact() const;
  /// Each rank's contact(), by rank.
  void set_contacts(const std::vector<std::string>& contacts);
  const std::string& host(int rank) const { return peers_[static_cast<std::size_t>(rank)].host; }

  /// To every address of a rank that has not been heard, else to the one it was heard from.
  void send(const Beat& beat) const;
  /// The next datagram with this token for this rank; waits at most `seconds` for one.
  std::optional<Beat> receive(std::uint64_t token, int rank, double seconds);

 private:
  struct Peer {
    std::string host;
    std::vector<sockaddr_in> addresses;
    bool heard = false;
  };

  int socket_ = -1;
  std::vector<Peer> peers_;
};

}  // namespace ijepa
