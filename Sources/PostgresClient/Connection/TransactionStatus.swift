import CLibPQ

/// Where a connection stands between two queries.
enum TransactionStatus: Sendable {
    case idle, inTransaction, failed, unknown

    init(_ connection: OpaquePointer) {
        self =
            switch PQtransactionStatus(connection) {
            case PQTRANS_IDLE: .idle
            case PQTRANS_INTRANS: .inTransaction
            case PQTRANS_INERROR: .failed
            default: .unknown
            }
    }
}
