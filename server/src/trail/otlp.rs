//! OTLP logs, over gRPC, to where the standard variables say.

use std::time::{Duration, SystemTime};

use charter_domain::Timestamp;
use charter_store::trail::Stream;
use opentelemetry::{
    InstrumentationScope,
    logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity},
};
use opentelemetry_otlp::LogExporter;
use opentelemetry_sdk::logs::{LogBatch, LogExporter as _, SdkLogRecord, SdkLogger, SdkLoggerProvider};

use super::Message;
use crate::telemetry::traces;

/// What a collector has answered, it has: one that takes a part and says so (partial success) has it counted as all.
pub struct Otlp {
    exporter: LogExporter,
    logger: SdkLogger,
    scope: InstrumentationScope,
    arrived: Option<i64>,
}

impl Otlp {
    pub fn new() -> Result<Self, String> {
        let mut exporter =
            LogExporter::builder().with_tonic().build().map_err(|why| format!("OTLP: {why}"))?;
        exporter.set_resource(&traces::resource());
        // It makes records; they are given to the exporter by hand, since only so it is known that they arrived.
        let logger = SdkLoggerProvider::builder().build().logger("charterd");
        let scope = InstrumentationScope::builder("charter.trail").build();
        Ok(Self { exporter, logger, scope, arrived: None })
    }

    pub async fn tell(&mut self, messages: &[Message]) -> Result<(), String> {
        let records: Vec<SdkLogRecord> = messages.iter().map(|message| self.record(message)).collect();
        let batch: Vec<(&SdkLogRecord, &InstrumentationScope)> =
            records.iter().map(|record| (record, &self.scope)).collect();
        self.exporter.export(LogBatch::new(&batch)).await.map_err(|why| format!("OTLP: {why}"))?;
        self.arrived = messages.last().map(|message| message.seq).or(self.arrived);
        Ok(())
    }

    pub fn arrived(&self) -> Option<i64> {
        self.arrived
    }

    fn record(&self, message: &Message) -> SdkLogRecord {
        let mut record = self.logger.create_log_record();
        let at = system_time(message.at);
        record.set_timestamp(at);
        // A record without it cannot be exported.
        record.set_observed_timestamp(at);
        record.set_severity_number(match message.stream {
            Stream::Audit => Severity::Info,
            Stream::Security => Severity::Warn,
        });
        record.set_body(AnyValue::from(message.body.clone()));
        record.add_attribute("charter.registry", message.authority.to_string());
        record.add_attribute("charter.stream", message.stream.code());
        record.add_attribute("charter.seq", message.seq);
        record.add_attribute("charter.kind", message.kind.clone());
        record
    }
}

fn system_time(at: Timestamp) -> SystemTime {
    let since = u64::try_from(at.micros()).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_micros(since)
}
