//! Decodes everything that octets hold: what fuzz targets and corpora run.
//!
//! Nothing here may panic, whatever the octets are, and what is decoded must come through an encoder unchanged.

use crate::object_array::{ObjectArrayDecoder, ObjectArrayEncoder};
use crate::{DecodeOptions, Decoder, EncodeOptions, decode_unit, encode_unit};
use bytes::Bytes;
use rwmi_cim::{Entity, Instance, Value};

/// Decodes a unit, strictly and as a client's, with every value, and sends what is well-formed through the encoder.
///
/// # Panics
/// When what was encoded does not decode to the same: a defect.
pub fn unit(octets: &[u8]) {
    let octets = Bytes::copy_from_slice(octets);
    for options in [DecodeOptions::default(), DecodeOptions::from_client()] {
        if let Ok(entity) = Decoder::new(options).unit(&octets) {
            through(&entity);
        }
    }
}

/// Decodes an ObjectArray with every object and value, and sends what is well-formed through the encoder.
///
/// # Panics
/// When what was encoded does not decode to the same: a defect.
pub fn packet(octets: &[u8]) {
    let octets = Bytes::copy_from_slice(octets);
    let Ok(packet) = ObjectArrayDecoder::default().decode(&octets) else { return };
    let objects: Vec<Entity> = packet.objects.into_iter().flatten().filter(|e| encode_unit(e, &EncodeOptions::default()).is_ok()).collect();
    let mut id = 0u128;
    let mut new_id = || {
        id = id.wrapping_add(1);
        id.to_le_bytes()
    };
    let Ok(again) = ObjectArrayEncoder::new(packet.kind, EncodeOptions::default()).encode(&objects, &mut new_id) else { return };
    let again = ObjectArrayDecoder::default().decode(&again.into()).map(|p| p.objects.len());
    assert_eq!(again, Ok(objects.len()), "a packet does not return");
}

/// An object that decodes in full decodes to the same once it was encoded.
#[expect(clippy::panic, reason = "this is where a fuzzer looks for defects")]
fn through(entity: &Entity) {
    match entity {
        Entity::Class(_) => {
            let Ok(octets) = encode_unit(entity, &EncodeOptions::default()) else { return };
            let again = decode_unit(&octets.into());
            // Names can be made that no longer are what they were: a superclass without a name but with a qualifier.
            assert!(again.is_ok(), "a class does not return: {again:?}");
        }
        Entity::Instance(object) => {
            for (_, value) in object.iter() {
                if let Ok(Value::Object(inner)) = &value {
                    through(inner);
                }
            }
            let Ok(instance) = object.to_instance() else { return };
            let Ok(octets) = encode_unit(entity, &EncodeOptions::default()) else { return };
            let again = decode_unit(&octets.into());
            let Ok(Entity::Instance(again)) = again else { panic!("an instance does not return: {again:?}") };
            let again = again.to_instance().map(|i| comparable(&i));
            assert_eq!(again, Ok(comparable(&instance)), "an instance does not return");
        }
    }
}

/// What of an instance must not change. Reals are told by their bits, because some are not equal to themselves.
fn comparable(instance: &Instance) -> String {
    format!("{:?} {:?} {:?}", instance.values, instance.qualifiers, instance.property_qualifiers)
}
