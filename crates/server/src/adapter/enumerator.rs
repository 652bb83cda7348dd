//! Enumerators: plain ones, and those that put many objects in a packet ([MS-WMI] 3.1.4.4, 3.1.4.6, 3.1.4.7). Both share one
//! cursor.

use super::rows::Rows;
use super::services::Place;
use super::{fail, status};
use crate::access::Rights;
use crate::broker::Failure;
use crate::cursor::{AHEAD_MAX, End, Taken};
use bytes::Bytes;
use rwmi_cim::{Entity, WbemStatus};
use rwmi_dcom::{self as dcom, ExportedObject, ObjectContext, Outcome};
use rwmi_ndr::HResult;
use rwmi_wbem::ClassObjectRef;
use rwmi_wbem::interfaces::*;
use rwmi_wmio::object_array::{ObjectArrayEncoder, PacketKind};
use rwmi_wmio::{EncodeError, EncodeOptions, Encoder, Prototype};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// Longest wait in one call: clients that wait without end ask again.
const WAIT_MAX: Duration = Duration::from_secs(600);
/// Octets of objects in one answer, unless a single object is longer (Windows: `FinalizerBatchSize`).
const PACKET_LEN_MAX: usize = 256 << 10;
/// Objects in one answer, whatever was asked for: as many as there can be ahead.
const COUNT_MAX: usize = AHEAD_MAX;
/// From how many objects on the next packet is written while the client reads the last.
const PREPARE_MIN: u32 = 16;
/// How long a packet may take to be prepared before it is left to the next call.
const PREPARE_MAX: Duration = Duration::from_secs(5);

/// What a client means by a number of milliseconds; -1 is without end.
pub(super) fn wait_of(timeout_ms: i32) -> Result<Duration, dcom::Failure> {
    match u64::try_from(timeout_ms) {
        Ok(ms) => Ok(Duration::from_millis(ms).min(WAIT_MAX)),
        Err(_) if timeout_ms == -1 => Ok(WAIT_MAX),
        Err(_) => Err(status(WbemStatus::INVALID_PARAMETER)),
    }
}

/// How objects of an enumeration are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Ordinary,
    /// The class of the rows of a query; whether it lacks a key of the class.
    Prototype,
}

pub(super) struct Enumerator {
    place: Arc<Place>,
    shape: Shape,
    reading: Arc<Mutex<Reading>>,
}

struct Reading {
    cursor: Rows,
    units: Encoder,
    packets: ObjectArrayEncoder,
    /// About how long an object is in a packet; decides how many are tried.
    object_len: usize,
    /// A packet that was written before it was asked for.
    prepared: Option<Packet>,
}

/// A packet, and the rows in it for the case that they have to go back.
struct Packet {
    /// What it was made for.
    count: u32,
    rows: Vec<Entity>,
    octets: Vec<u8>,
    code: HResult,
}

struct SmartEnumerator {
    place: Arc<Place>,
    reading: Arc<Mutex<Reading>>,
    preparing: std::sync::Mutex<Option<AbortHandle>>,
}

impl Enumerator {
    pub(super) fn object(place: Arc<Place>, shape: Shape, rows: impl Into<Rows>) -> ExportedObject {
        let options = || match shape {
            Shape::Ordinary => EncodeOptions::default(),
            Shape::Prototype => EncodeOptions::default().prototype(Prototype::Yes),
        };
        let reading = Reading {
            cursor: rows.into(),
            units: Encoder::new(options()),
            packets: ObjectArrayEncoder::new(PacketKind::SMART_ENUM, options()),
            object_len: 1024,
            prepared: None,
        };
        let enumerator = Arc::new(Enumerator { place, shape, reading: Arc::new(Mutex::new(reading)) });
        ExportedObject::new(IEnumWbemClassObject::serve(enumerator.clone()))
            .with(IWbemFetchSmartEnum::serve(enumerator))
            .denied_with(hresult(WbemStatus::ACCESS_DENIED))
            .ends_with_connection()
    }
}

/// The status that goes with rows.
fn code(taken: &Taken, wanted: usize) -> HResult {
    match &taken.end {
        End::Enough => HResult::S_OK,
        End::Exhausted if taken.rows.len() == wanted => HResult::S_OK,
        End::Exhausted => HResult::S_FALSE,
        End::More => hresult(WbemStatus::TIMEDOUT),
        End::Failed(_) => HResult::S_OK,
    }
}

fn unwritable(error: EncodeError) -> dcom::Failure {
    tracing::error!(%error, "an object cannot be written");
    fail(Failure::new(WbemStatus::FAILED, "an object cannot be written"))
}

impl Reading {
    /// Rows that go into one answer; the failure where there is nothing else.
    async fn rows(&mut self, count: usize, wait: Duration) -> Result<Taken, dcom::Failure> {
        let taken = self.cursor().take(count, wait).await;
        match taken.end {
            End::Failed(failure) => Err(fail(failure)),
            _ => Ok(taken),
        }
    }

    /// The cursor, at the place that the client knows of.
    fn cursor(&mut self) -> &mut Rows {
        if let Some(prepared) = self.prepared.take() {
            self.cursor.put_back(prepared.rows);
        }
        &mut self.cursor
    }

    /// How many objects to try in a packet.
    fn fitting(&self, count: u32) -> usize {
        (count as usize).min(COUNT_MAX).min((PACKET_LEN_MAX / self.object_len).max(1))
    }

    /// Writes rows into a packet, and puts those back that are too much for one.
    fn write(&mut self, count: u32, mut rows: Vec<Entity>, mut code: HResult) -> Result<Packet, dcom::Failure> {
        loop {
            let octets = self.packets.encode(&rows, class_id).map_err(unwritable)?;
            self.object_len = (octets.len() / rows.len().max(1)).max(1);
            // A little over is no harm: the limit is ours. Far over means that these objects are longer than the last.
            if octets.len() <= 2 * PACKET_LEN_MAX || rows.len() <= 1 {
                return Ok(Packet { count, rows, octets, code });
            }
            let fit = (PACKET_LEN_MAX / self.object_len).clamp(1, rows.len() - 1);
            self.cursor.put_back(rows.split_off(fit));
            code = HResult::S_OK;
        }
    }

    /// Writes the next packet before it is asked for, if its rows are there.
    fn prepare(&mut self, count: u32) {
        let wanted = self.fitting(count);
        if self.prepared.is_some() {
            return;
        }
        let Some(taken) = self.cursor.take_ready(wanted) else { return };
        let code = code(&taken, wanted);
        // What cannot be written is told to the one who asks for it.
        let rows = taken.rows.clone();
        match self.write(count, taken.rows, code) {
            Ok(packet) => self.prepared = Some(packet),
            Err(_) => self.cursor.put_back(rows),
        }
    }
}

impl EnumWbemClassObject for Enumerator {
    async fn reset(&self, cx: &ObjectContext, _: Reset) -> Outcome<ResetReply> {
        self.place.admit(cx, Rights::ENABLE)?;
        if self.reading.lock().await.cursor().reset() {
            Ok((ResetReply {}, HResult::S_OK))
        } else {
            Err(fail(Failure::new(WbemStatus::INVALID_OPERATION, "a forward-only enumerator cannot go back")))
        }
    }

    /// Refused as every call with a sink: see `asynchronous`.
    async fn next_async(&self, cx: &ObjectContext, call: NextAsync) -> Outcome<NextAsyncReply> {
        if call.count == 0 || call.sink.is_none() {
            return Err(status(WbemStatus::INVALID_PARAMETER));
        }
        self.place.admit(cx, Rights::ENABLE)?;
        Err(fail(Failure::new(WbemStatus::NOT_SUPPORTED, "this server calls no sink: ask with Next")))
    }

    async fn next(&self, cx: &ObjectContext, call: Next) -> Outcome<NextReply> {
        let wait = wait_of(call.timeout_ms)?;
        if call.count == 0 {
            return Err(status(WbemStatus::INVALID_PARAMETER));
        }
        self.place.admit(cx, Rights::ENABLE)?;
        let mut reading = self.reading.lock().await;
        let wanted = (call.count as usize).min(COUNT_MAX);
        let mut taken = reading.rows(wanted, wait).await?;
        let mut code = code(&taken, wanted);
        let (mut objects, mut len) = (Vec::with_capacity(taken.rows.len()), 0);
        for (n, row) in taken.rows.iter().enumerate() {
            let unit = reading.units.unit(row).map_err(unwritable)?;
            len += unit.len();
            if len > 8 * PACKET_LEN_MAX && n > 0 {
                reading.cursor().put_back(taken.rows.split_off(n));
                code = hresult(WbemStatus::TIMEDOUT);
                break;
            }
            objects.push(ClassObjectRef(Bytes::from(unit)).to_pointer());
        }
        Ok((NextReply::new(call.count, objects), code))
    }

    async fn clone_enum(&self, cx: &ObjectContext, _: CloneEnum) -> Outcome<CloneEnumReply> {
        self.place.admit(cx, Rights::ENABLE)?;
        let Some(cursor) = self.reading.lock().await.cursor().fork() else {
            return Err(fail(Failure::new(WbemStatus::INVALID_OPERATION, "a forward-only enumerator cannot be cloned")));
        };
        let enumerator = Enumerator::object(self.place.clone(), self.shape, cursor);
        Ok((CloneEnumReply { enumerator: Some(super::export(cx, enumerator, IEnumWbemClassObject::IID)?) }, HResult::S_OK))
    }

    async fn skip(&self, cx: &ObjectContext, call: Skip) -> Outcome<SkipReply> {
        let wait = wait_of(call.timeout_ms)?;
        self.place.admit(cx, Rights::ENABLE)?;
        let deadline = tokio::time::Instant::now() + wait;
        let mut reading = self.reading.lock().await;
        let mut left = call.count as usize;
        while left > 0 {
            let some = left.min(COUNT_MAX);
            let taken = reading.rows(some, deadline.saturating_duration_since(tokio::time::Instant::now())).await?;
            left -= taken.rows.len();
            match code(&taken, some) {
                HResult::S_OK => {}
                other => return Ok((SkipReply {}, other)),
            }
        }
        Ok((SkipReply {}, HResult::S_OK))
    }
}

impl WbemFetchSmartEnum for Enumerator {
    async fn smart_enum(&self, cx: &ObjectContext, _: GetSmartEnum) -> Outcome<GetSmartEnumReply> {
        self.place.admit(cx, Rights::ENABLE)?;
        let smart = SmartEnumerator { place: self.place.clone(), reading: self.reading.clone(), preparing: std::sync::Mutex::default() };
        let object = ExportedObject::new(IWbemWCOSmartEnum::serve(Arc::new(smart)))
            .denied_with(hresult(WbemStatus::ACCESS_DENIED))
            .ends_with_connection();
        Ok((GetSmartEnumReply { enumerator: Some(super::export(cx, object, IWbemWCOSmartEnum::IID)?) }, HResult::S_OK))
    }
}

impl WbemWcoSmartEnum for SmartEnumerator {
    async fn next(&self, cx: &ObjectContext, call: SmartNext) -> Outcome<SmartNextReply> {
        let wait = wait_of(call.timeout_ms)?;
        if call.count == 0 {
            return Err(status(WbemStatus::INVALID_PARAMETER));
        }
        self.place.admit(cx, Rights::ENABLE)?;
        self.stop_preparing();
        let mut reading = self.reading.lock().await;
        let packet = match reading.prepared.take() {
            Some(packet) if packet.count == call.count => packet,
            unfit => {
                if let Some(unfit) = unfit {
                    reading.cursor.put_back(unfit.rows);
                }
                let wanted = reading.fitting(call.count);
                let taken = reading.rows(wanted, wait).await?;
                let code = code(&taken, wanted);
                if taken.rows.is_empty() {
                    return Ok((SmartNextReply::default(), code));
                }
                reading.write(call.count, taken.rows, code)?
            }
        };
        if call.count >= PREPARE_MIN && packet.code == HResult::S_OK {
            self.prepare(&reading, call.count);
        }
        Ok((SmartNextReply::new(packet.rows.len() as u32, packet.octets.into()), packet.code))
    }
}

impl SmartEnumerator {
    /// Writes the next packet while the client is busy with this one.
    fn prepare(&self, now: &Reading, count: u32) {
        let Some(ready) = now.cursor.when_ready(now.fitting(count)) else { return };
        let reading = self.reading.clone();
        let task = tokio::spawn(async move {
            if timeout(PREPARE_MAX, ready).await.is_ok() {
                reading.lock().await.prepare(count);
            }
        });
        *self.preparing.lock().unwrap_or_else(PoisonError::into_inner) = Some(task.abort_handle());
    }

    /// It has no await where it holds rows, so nothing is lost.
    fn stop_preparing(&self) {
        if let Some(task) = self.preparing.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

impl Drop for SmartEnumerator {
    fn drop(&mut self) {
        self.stop_preparing();
    }
}

/// A new id of a class; random, because some clients remember classes by id for as long as they run.
fn class_id() -> [u8; 16] {
    let mut id = [0; 16];
    // Without randomness the id is zero, which is as good within one packet as any other.
    let _ = getrandom::fill(&mut id);
    id
}

/// One object as an interface pointer.
pub(super) fn marshal(entity: &Entity) -> Result<rwmi_dcom::InterfacePointer, Failure> {
    let unit = rwmi_wmio::encode_unit(entity, &EncodeOptions::default()).map_err(|error| {
        tracing::error!(%error, "an object cannot be written");
        Failure::new(WbemStatus::FAILED, "the object cannot be written")
    })?;
    Ok(ClassObjectRef(unit.into()).to_pointer())
}
