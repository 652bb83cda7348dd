//! Classes and instances of every type, from MOF.

use super::{named, piece};
use rwmi_cim::mof::{Memory, compile_into, parse};
use rwmi_cim::{Decoration, Entity, Instance, Value};
use rwmi_wmio::object_array::{ObjectArrayEncoder, PacketKind};
use rwmi_wmio::{EncodeOptions, encode_block, encode_unit};

pub(super) fn units() -> Vec<(String, Vec<u8>)> {
    let decorated = EncodeOptions::decorated(decoration());
    let mut out = Vec::new();
    for (at, entity) in (0..).zip(entities()) {
        for (how, options) in [("plain", &EncodeOptions::default()), ("decorated", &decorated)] {
            let octets = encode_unit(&entity, options).expect("an object of ours is encoded");
            out.push(named(format_args!("unit-{at}-{how}"), octets));
        }
    }
    if let Some(entity) = entities().last() {
        out.push(named("block", encode_block(entity, &decorated).expect("an object of ours is encoded")));
    }
    out
}

pub(super) fn packets() -> Vec<(String, Vec<u8>)> {
    let all = entities();
    let instances: Vec<Entity> = all.iter().filter(|e| e.as_instance().is_some()).cloned().collect();
    let classes: Vec<Entity> = all.iter().filter(|e| e.as_instance().is_none()).cloned().collect();
    let mut id = 0u8;
    let mut new_id = || {
        id += 1;
        [id; 16]
    };
    let mut packets = Vec::new();
    let mut encoder = ObjectArrayEncoder::new(PacketKind::SMART_ENUM, EncodeOptions::decorated(decoration()));
    for objects in [&classes[..2], &instances[..1], &instances, &[]] {
        packets.push(encoder.encode(objects, &mut new_id).expect("objects of ours are encoded"));
    }
    // In the second packet the class is known, and the object goes without.
    let mut out: Vec<_> = (0..).zip(&packets).map(|(at, p)| named(format_args!("packet-{at}"), piece(p))).collect();
    out.push(named("packets", packets.iter().flat_map(|p| piece(p)).collect::<Vec<u8>>()));
    out.push(named("bare", packets.remove(1)));
    out
}

pub(super) fn entities() -> Vec<Entity> {
    let document = parse("seeds", MOF).expect("this is MOF");
    let mut store = Memory::new();
    compile_into(&document, "root", &mut store).expect("this compiles");
    let mut out: Vec<Entity> = store.classes("root").map(|class| Entity::Class(class.clone())).collect();
    let instances: Vec<Instance> = store.instances("root").to_vec();
    let mut special = instances[0].clone();
    special.set("C16", Value::Char16(0xd800)).expect("a property of this class");
    special.set("R32", f32::NAN).expect("a property of this class");
    out.extend(instances.into_iter().chain([special]).map(Entity::from));
    out
}

fn decoration() -> Decoration {
    Decoration { server: "LX1".into(), namespace: "ROOT\\CIMV2".into() }
}

const MOF: &str = r#"
[Abstract, Description("Größe")] class LX_Base { [key] string Name; uint32 Size = 7; };
[Locale(1033) : ToInstance] class LX_Small : LX_Base { boolean Flag = TRUE; };
class LX_All : LX_Base {
    sint8 I8; uint8 U8[]; sint16 I16; uint16 U16[]; sint32 I32; uint32 U32[]; sint64 I64; uint64 U64[]; real32 R32; real64 R64[];
    boolean B; boolean Bs[]; char16 C16; string S = "default"; string Ss[]; datetime D; LX_Base ref Link; object Inner; object Inners[];
    [Static, Values{"a", "b"}] uint32 Act([in, id(0)] string What, [out, id(1)] LX_Base Made, [in, out, id(2)] uint8 Raw[]);
};
instance of LX_All {
    Name = "one"; I8 = -1; U8 = {1, 2, 3}; I16 = -2; U16 = {4}; I32 = -3; U32 = {5, 6}; I64 = -4; U64 = {7}; R32 = 1.5; R64 = {2.5, -0.0};
    B = TRUE; Bs = {TRUE, FALSE}; C16 = 65; S = "диск"; Ss = {"é", ""}; D = "20240101000000.000000+000"; Link = "LX_Small.Name=\"x\"";
    Inner = instance of LX_Small { Name = "in"; }; Inners = {instance of LX_Small { Name = "a"; }, instance of LX_Small { Name = "b"; }};
};
instance of LX_All { Name = "two"; Size = NULL; };
[Special("instance")] instance of LX_Small { Name = "three"; [Mark(5)] Flag = FALSE; };
instance of LX_Small { Name = "four"; };
"#;
