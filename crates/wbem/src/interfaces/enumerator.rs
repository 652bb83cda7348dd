//! Enumerators ([MS-WMI] 3.1.4.4, 3.1.4.6, 3.1.4.7).

use super::*;
use rwmi_dcom::{InterfacePointer, object_interface};
use rwmi_ndr::{Decode, DecodeErrorKind, Encode, Guid, Octets, Reader, Writer, guid};

/// Objects read from one reply of `Next` at most.
const BATCH_MAX: u32 = 64 << 10;

object_interface! {
    /// Objects, one after the other ([MS-WMI] 3.1.4.4).
    pub interface IEnumWbemClassObject = guid!("027947e1-d731-11ce-a357-000000000001"), else NOT_SUPPORTED;
    serve EnumWbemClassObject;
    /// Starts again.
    3 reset = Reset {} -> ResetReply {}
    /// Gives at most `count` objects; `timeout_ms` of -1 waits without end. Fewer with `WBEM_S_FALSE` are the last ones.
    4 next = Next { timeout_ms: i32, count: u32 } -> NextReply { objects: Batch, returned: u32 } nulls(none_of)
    /// As `next`, to a sink.
    5 next_async = NextAsync { count: u32, sink: Option<InterfacePointer> } -> NextAsyncReply {}
    /// A second enumerator at the same place.
    6 clone_enum = CloneEnum {} -> CloneEnumReply { enumerator: Option<InterfacePointer> }
    /// Passes over `count` objects.
    7 skip = Skip { timeout_ms: i32, count: u32 } -> SkipReply {}
}

object_interface! {
    /// Asked of an enumerator: whether it has the faster form ([MS-WMI] 3.1.4.6).
    pub interface IWbemFetchSmartEnum = guid!("1c1c45ee-4395-11d2-b60b-00104b703efd"), else NOT_SUPPORTED;
    serve WbemFetchSmartEnum;
    /// Gives it.
    3 smart_enum = GetSmartEnum {} -> GetSmartEnumReply { enumerator: Option<InterfacePointer> }
}

object_interface! {
    /// Objects in packets that say each class once ([MS-WMI] 3.1.4.7).
    pub interface IWbemWCOSmartEnum = guid!("423ec01e-2e35-11d2-b604-00104b703efd"), else NOT_SUPPORTED;
    serve WbemWcoSmartEnum;
    /// Gives a packet with at most `count` objects. `proxy` names the client's cache of classes.
    3 next = SmartNext { proxy: Guid, timeout_ms: i32, count: u32 } -> SmartNextReply { returned: u32, size: u32, buffer: Option<Octets> }
}

/// A failing `next` says how many were asked for, too: the array of the caller has that size.
fn none_of(call: &Next) -> NextReply {
    NextReply::new(call.count, Vec::new())
}

/// `[size_is(max), length_is(n)] IWbemClassObject**`: room for as many as were asked for, and those that came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// How many were asked for. The reply says it, so it is kept.
    pub max: u32,
    /// The objects.
    pub objects: Vec<Option<InterfacePointer>>,
}

impl NextReply {
    /// A reply to a call that asked for `max` objects.
    pub fn new(max: u32, objects: Vec<InterfacePointer>) -> Self {
        let returned = objects.len() as u32;
        NextReply { objects: Batch { max: max.max(returned), objects: objects.into_iter().map(Some).collect() }, returned }
    }
}

impl SmartNextReply {
    /// A reply with a packet; NULL where no object came, as at the end.
    pub fn new(returned: u32, packet: bytes::Bytes) -> Self {
        let buffer = (returned != 0).then_some(Octets(packet));
        SmartNextReply { returned, size: buffer.as_ref().map_or(0, |b| b.0.len() as u32), buffer }
    }
}

impl Encode for Batch {
    const ALIGN: usize = 4;
    fn encode_scalars(&self, w: &mut Writer) {
        [self.max, 0, self.objects.len() as u32].encode(w);
        self.objects.iter().for_each(|o| o.encode_scalars(w));
    }
    fn encode_referents(&self, w: &mut Writer) {
        self.objects.iter().for_each(|o| o.encode_referents(w));
    }
}

impl Decode for Batch {
    const ALIGN: usize = 4;
    const LEN_MIN: usize = 12;
    type Pending = (u32, Vec<bool>);
    fn decode_scalars(r: &mut Reader) -> rwmi_ndr::Result<Self::Pending> {
        let max = u32::decode(r)?;
        let offset = u32::decode(r)?;
        let n = r.count_of("apObjects", 4)?;
        if offset != 0 || (max as usize) < n {
            return Err(r.invalid("apObjects", offset));
        }
        if BATCH_MAX < n as u32 {
            return Err(r.error("apObjects", DecodeErrorKind::OverLimit { value: n as u64, limit: BATCH_MAX.into() }));
        }
        Ok((max, (0..n).map(|_| Option::<InterfacePointer>::decode_scalars(r)).collect::<Result<_, _>>()?))
    }
    fn decode_referents((max, pending): Self::Pending, r: &mut Reader) -> rwmi_ndr::Result<Self> {
        let objects = pending.into_iter().map(|p| Option::decode_referents(p, r)).collect::<Result<_, _>>()?;
        Ok(Batch { max, objects })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rwmi_ndr::Limits;

    #[test]
    fn a_batch_says_how_many_were_asked_for() {
        let reply = NextReply::new(10, vec![InterfacePointer(b"MEOW"[..].into())]);
        let mut w = Writer::default();
        reply.encode(&mut w);
        let octets = w.finish();
        assert_eq!(octets[..16], [10, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0]);
        assert_eq!(NextReply::decode(&mut Reader::new(octets.clone(), Limits::default())).unwrap(), reply);
        for cut in 0..octets.len() {
            assert!(NextReply::decode(&mut Reader::new(octets.slice(..cut), Limits::default())).is_err());
        }
    }

    #[test]
    fn the_end_of_a_smart_enumeration_has_no_buffer() {
        let mut w = Writer::default();
        SmartNextReply::new(0, bytes::Bytes::new()).encode(&mut w);
        assert_eq!(w.finish()[..], [0; 12]);
    }
}
