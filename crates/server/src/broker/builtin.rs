//! Instances that the service itself knows: what it is, and what is in it.

use super::Broker;
use crate::store::{Namespace, Tree};
use rwmi_cim::{Class, Instance, Value, names_equal};
use std::sync::Arc;

impl Broker {
    /// The instances of exactly this class that are not a provider's: stored ones, and those made here.
    pub(super) fn own_instances(&self, tree: &Tree, namespace: &Namespace, class: &Arc<Class>) -> Vec<Instance> {
        let made = |properties: &[(&str, Value)]| {
            let mut instance = Instance::new(class.clone());
            for (name, value) in properties {
                // A shipped class that lacks the property is not worth failing for.
                let _ = instance.set(name, value.clone());
            }
            instance
        };
        if names_equal(&class.name, "__NAMESPACE") {
            return tree.children(namespace.name()).map(|child| made(&[("Name", child.into())])).collect();
        }
        let mut found: Vec<Instance> = namespace
            .instances(&class.name)
            // Stored instances hold the class with its localised texts; they answer with the class that was asked for.
            .map(|i| Instance { class: class.clone(), ..(**i).clone() })
            .collect();
        if names_equal(&class.name, "__Win32Provider") {
            for provider in &self.provider_names {
                let is_it = |i: &Instance| i.get("Name").and_then(Value::as_str).is_some_and(|n| names_equal(n, provider));
                let serves = || namespace.all().any(|c| c.provider().is_some_and(|p| names_equal(p, provider)));
                if !found.iter().any(is_it) && serves() {
                    found.push(made(&[("Name", provider.as_str().into()), ("HostingModel", "SelfHost".into())]));
                }
            }
        }
        if names_equal(&class.name, "__CIMOMIdentification") && found.is_empty() {
            let version = env!("CARGO_PKG_VERSION");
            found.push(made(&[("VersionCurrentlyRunning", version.into()), ("VersionUsedToCreateDB", version.into())]));
        }
        // The other singletons of the system are there, with nothing said.
        if found.is_empty() && class.is_singleton() && class.name.starts_with("__") && !class.is_abstract() {
            found.push(made(&[]));
        }
        found
    }
}
