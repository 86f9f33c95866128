import CustodeCore
import PostgresCatalog
import Telemetry

extension ServiceMetrics {
    /// Declares the series of collection.
    func declareCollection() {
        registry.declare("custode_outbox_pending", .gauge, "Events that wait for their object to be looked at.")
        registry.declare(
            "custode_outbox_oldest_seconds", .gauge, "Seconds since the first waiting event came, or was put off to.")
        registry.declare("custode_outbox_parked", .gauge, "Events that failed too often and wait for an operator.")
        registry.declare("custode_collected_objects_total", .counter, "Objects that this service quarantined.")
        registry.declare("custode_collected_bytes_total", .counter, "Bytes of objects that this service quarantined.")
        registry.declare(
            "custode_collection_failures_total", .counter, "Objects that this service could not quarantine.")
        registry.declare(
            "custode_collection_braked", .gauge, "1 while this brake keeps the outbox's worker from its work.",
            labels: ["brake"])
        registry.declare(
            "custode_gc_blocked", .gauge, "1 if this brake held the last sweep.", labels: ["brake"])
        registry.declare(
            "custode_gc_last_run_timestamp_seconds", .gauge, "When the last sweep ended.", labels: ["verdict"])
        registry.declare(
            "custode_gc_last_success_timestamp_seconds", .gauge, "When the last complete sweep ended.")
        registry.declare("custode_gc_missing_objects", .gauge, "References without bytes, in the last complete sweep.")
        registry.declare("custode_gc_stray_objects", .gauge, "Stray objects, in the last complete sweep.")
        for name in ["custode_outbox_pending", "custode_outbox_parked", "custode_outbox_oldest_seconds"] {
            registry.set(0, name)
        }
        for name in ["custode_collected_objects_total", "custode_collected_bytes_total"] { registry.add(0, to: name) }
        registry.add(0, to: "custode_collection_failures_total")
    }

    func noteCollected(_ report: CollectionReport) {
        registry.add(Double(report.quarantined), to: "custode_collected_objects_total")
        registry.add(Double(report.bytesQuarantined), to: "custode_collected_bytes_total")
        registry.add(Double(report.failed), to: "custode_collection_failures_total")
    }

    func noteOutbox(_ state: OutboxState) {
        registry.set(Double(state.pending), "custode_outbox_pending")
        registry.set(Double(state.parked), "custode_outbox_parked")
        registry.set(Double(state.oldest), "custode_outbox_oldest_seconds")
    }

    func noteBrake(_ brake: Brake?) {
        registry.clear("custode_collection_braked")
        if let brake { registry.set(1, "custode_collection_braked", [brake.rawValue]) }
    }

    func noteSweep(_ sweep: PostgresCollection.LastSweep) {
        registry.clear("custode_gc_blocked")
        if let brake = sweep.brake, sweep.verdict == "blocked" { registry.set(1, "custode_gc_blocked", [brake]) }
        registry.clear("custode_gc_last_run_timestamp_seconds")
        registry.set(Double(sweep.ended.seconds), "custode_gc_last_run_timestamp_seconds", [sweep.verdict])
        if let succeeded = sweep.succeeded {
            registry.set(Double(succeeded.seconds), "custode_gc_last_success_timestamp_seconds")
            registry.set(Double(sweep.missing), "custode_gc_missing_objects")
            registry.set(Double(sweep.stray), "custode_gc_stray_objects")
        }
    }
}
