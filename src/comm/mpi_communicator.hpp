// MpiCommunicator: one thread owns MPI and runs blocking collectives in submission order.
#pragma once
#include <memory>

#include "ijepa/comm/communicator.hpp"

namespace ijepa {

/// All ranks of MPI_COMM_WORLD. MPI is initialised with MPI_THREAD_SERIALIZED or more; until the
/// communicator is destroyed nobody else may call MPI.
std::unique_ptr<Communicator> mpi_communicator();

}  // namespace ijepa
