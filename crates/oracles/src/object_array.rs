use crate::input::Input;
use bytes::Bytes;
use rwmi_cim::{Entity, Value};
use rwmi_wmio::object_array::{ObjectArrayDecoder, ObjectArrayEncoder};
use rwmi_wmio::{DecodeOptions, EncodeOptions, decode_unit, encode_unit, exercise};

/// The packets of one enumeration, each behind its length in 16 bits, decoded with one cache of classes. Objects that decode in
/// full are the same after they were sent in one packet.
pub fn object_array(octets: &[u8]) {
    for options in [DecodeOptions::default(), DecodeOptions::from_client()] {
        let mut input = Input(octets);
        let mut decoder = ObjectArrayDecoder::new(options);
        let mut whole = Vec::new();
        while !input.is_empty() && whole.len() < OBJECTS {
            let Ok(packet) = decoder.decode(&Bytes::copy_from_slice(input.piece())) else { continue };
            whole.extend(packet.objects.into_iter().flatten().filter(is_whole).map(|e| (packet.kind, e)));
        }
        let Some(kind) = whole.first().map(|(kind, _)| *kind) else { continue };
        let objects: Vec<Entity> = whole.into_iter().map(|(_, entity)| entity).collect();
        let mut id = 0u128;
        let mut new_id = || {
            id += 1;
            id.to_le_bytes()
        };
        let packet = ObjectArrayEncoder::new(kind, EncodeOptions::default()).encode(&objects, &mut new_id);
        let Ok(packet) = packet else { continue };
        let found = ObjectArrayDecoder::default().decode(&packet.into()).unwrap_or_else(|e| panic!("a packet does not return: {e}"));
        assert_eq!(found.objects.len(), objects.len(), "a packet returns with another number of objects");
        for (found, sent) in found.objects.iter().zip(&objects) {
            let found = found.as_ref().unwrap_or_else(|e| panic!("an object does not return: {e}"));
            assert_eq!(found.class().name, sent.class().name);
            if let (Entity::Instance(found), Entity::Instance(sent)) = (found, sent) {
                assert_eq!(values(found), values(sent), "an instance does not return");
            }
        }
    }
    exercise::packet(octets);
}

/// Objects that are looked at in one run: laws need no more.
const OBJECTS: usize = 64;

/// Whether every value of it decodes, and the object returns alone: what does not is the business of the target `wmio`.
fn is_whole(entity: &Entity) -> bool {
    let decodes = |e: &Entity| match e {
        Entity::Class(_) => true,
        Entity::Instance(o) => o.to_instance().is_ok() && o.iter().all(|(_, v)| v.is_ok()),
    };
    decodes(entity) && encode_unit(entity, &EncodeOptions::default()).is_ok_and(|octets| decode_unit(&octets.into()).is_ok())
}

/// Reals are told by their bits, because some are not equal to themselves.
fn values(object: &rwmi_cim::Object) -> Vec<(String, String)> {
    let told = |v: Value| match v {
        Value::Real32(r) => format!("{:x}", r.to_bits()),
        Value::Real64(r) => format!("{:x}", r.to_bits()),
        // What is inside is held to the same by `exercise`.
        Value::Object(inner) => inner.class().name.to_string(),
        other => format!("{other:?}"),
    };
    object.iter().map(|(name, value)| (name.to_owned(), value.map(told).unwrap_or_default())).collect()
}
