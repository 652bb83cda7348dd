//! Writing: classes and instances that the repository holds.

use super::locale::namespace_of_texts;
use super::{Broker, Failure, events, permanent};
use crate::access::Rights;
use crate::store::Batch;
use rwmi_cim::schema::{self, ClassDecl};
use rwmi_cim::{Class, Entity, Instance, Operation, PutOptions, RequestContext, Sink, WbemStatus, amend};
use std::borrow::Cow;
use std::sync::Arc;

impl Broker {
    /// What a caller needs for an operation that writes ([MS-WMI] 3.1.4.3.6 to 3.1.4.3.16).
    pub(crate) fn rights_to_write(&self, namespace: &str, op: &Operation) -> Rights {
        let tree = self.repository.tree();
        let class = |name: &str| tree.namespace(namespace).and_then(|n| n.class(name, true)).cloned();
        let of_class = |class: Option<&Class>| match class.and_then(Class::provider) {
            Some(_) => Rights::WRITE_PROVIDER,
            None => Rights::FULL_WRITE,
        };
        let of_instance = |class: Option<Arc<Class>>| match class {
            Some(c) if c.provider().is_some() => Rights::WRITE_PROVIDER,
            Some(c) if c.dynasty().starts_with("__") => Rights::FULL_WRITE,
            _ => Rights::PARTIAL_WRITE,
        };
        match op {
            Operation::PutClass { class: given, .. } => of_class(class(&given.name).as_deref()) | of_class(Some(given)),
            Operation::DeleteClass(name) => of_class(class(name).as_deref()),
            Operation::Put { instance, .. } => of_instance(class(&instance.class.name)),
            Operation::Delete(path) => of_instance(class(&path.class)),
            _ => Rights::default(),
        }
    }

    /// Runs an operation that writes. What was begun is done even where nobody waits for it any more.
    pub(super) async fn write(&self, cx: &RequestContext, op: Operation, sink: &Sink) -> Result<(), Failure> {
        if let Operation::Delete(path) = &op
            && self.is_dynamic(&cx.namespace, &path.class)
        {
            // What is not there is told as such; what is there is its provider's.
            let (scratch, _found) = Sink::bounded(1);
            Box::pin(self.run(cx, super::Options::default(), Operation::Get(path.clone()), &scratch)).await?;
        }
        let is_kept = self.is_kept(&cx.namespace, &op);
        let (repository, request) = (self.repository.clone(), cx.clone());
        let writing = tokio::task::spawn_blocking(move || repository.write(|batch| one(batch, &request, &op)));
        let put = writing.await.map_err(|_| ended())??;
        if is_kept {
            self.permanent.settled().await;
        }
        let decoration = Some(self.decoration(&cx.namespace));
        match put {
            Some(Put::Class(class)) => Ok(sink.deliver(Entity::Class(Arc::new(Class { decoration, ..(*class).clone() }))).await?),
            Some(Put::Instance(i)) => Ok(sink.deliver(Instance { decoration, ..(*i).clone() }.into()).await?),
            None => Ok(()),
        }
    }

    /// Runs operations that write: all of them or none.
    pub(crate) async fn write_together(&self, ops: Vec<(RequestContext, Operation)>) -> Result<(), Failure> {
        let repository = self.repository.clone();
        let writing = tokio::task::spawn_blocking(move || {
            repository.write(|batch| {
                ops.iter().try_for_each(|(cx, op)| match one(batch, cx, op) {
                    Ok(_) => Ok(()),
                    // Which of them it was, the caller cannot know.
                    Err(f) => {
                        let (what, words) = (subject(op), f.description.clone().unwrap_or_default());
                        Err(Failure { description: Some(format!("{what} in {}: {words}", cx.namespace)), ..f })
                    }
                })
            })
        });
        writing.await.map_err(|_| ended())??;
        self.permanent.settled().await;
        Ok(())
    }

    /// Whether an operation is about a part of a permanent subscription.
    fn is_kept(&self, namespace: &str, op: &Operation) -> bool {
        let class = match op {
            Operation::Put { instance, .. } => &instance.class.name,
            Operation::Delete(path) => &path.class,
            _ => return false,
        };
        let tree = self.repository.tree();
        tree.namespace(namespace).and_then(|n| n.class(class, false)).is_some_and(|c| permanent::is_part(c))
    }

    fn is_dynamic(&self, namespace: &str, class: &str) -> bool {
        let tree = self.repository.tree();
        tree.namespace(namespace).and_then(|n| n.class(class, false)).is_some_and(|c| c.provider().is_some())
    }
}

fn ended() -> Failure {
    Failure::new(WbemStatus::FAILED, "the change ended without a word")
}

/// What an operation that writes is about.
fn subject(op: &Operation) -> String {
    match op {
        Operation::PutClass { class, .. } => format!("class {}", class.name),
        Operation::DeleteClass(name) => format!("class {name}"),
        Operation::Put { instance, .. } => match rwmi_cim::Object::from(instance.clone()).relative_path() {
            Some(path) => path.to_string(),
            None => format!("an instance of {}", instance.class.name),
        },
        Operation::Delete(path) => path.to_string(),
        _ => String::new(),
    }
}

enum Put {
    Class(Arc<Class>),
    Instance(Arc<Instance>),
}

/// Puts a class and its localised texts: into the namespace of the caller's locale where there is one below, else with the class.
fn put_class(batch: &mut Batch<'_>, cx: &RequestContext, class: &Arc<Class>, options: &PutOptions) -> Result<Arc<Class>, Failure> {
    let of_locale = namespace_of_texts(&batch.tree(), &cx.namespace, cx.locale.as_deref()).filter(|_| options.amended);
    let Some((below, locale)) = of_locale else { return batch.put_class(&cx.namespace, class, options) };
    let (_, texts) = amend::split(ClassDecl::of(class), locale);
    let mut apart = options.clone();
    apart.amended = false;
    let put = batch.put_class(&cx.namespace, &schema::neutral(class), &apart)?;
    if let Some(texts) = texts {
        let texts = schema::derive(None, texts).map_err(|e| Failure::new(e.status, e.to_string()))?;
        let mut anew = PutOptions::default();
        anew.amended = true;
        anew.mode.force = true;
        batch.put_class(&below, &texts, &anew)?;
    }
    Ok(put)
}

fn one(batch: &mut Batch<'_>, cx: &RequestContext, op: &Operation) -> Result<Option<Put>, Failure> {
    let namespace = cx.namespace.as_str();
    let dynamic = |batch: &mut Batch<'_>, name: &str| {
        let tree = batch.tree();
        tree.namespace(namespace).and_then(|n| n.class(name, false)).and_then(|c| c.provider()).map(|provider| Failure {
            provider: Some(provider.to_owned()),
            ..Failure::new(WbemStatus::PROVIDER_NOT_CAPABLE, format!("the provider of {name} takes no changes"))
        })
    };
    match op {
        Operation::Put { instance, options } => match dynamic(batch, &instance.class.name) {
            Some(failure) => Err(failure),
            None => {
                let signed = permanent::signed(&batch.tree(), cx, namespace, instance)?;
                let stored = batch.put_instance(namespace, &signed, options)?;
                events::check_timer(&stored)?;
                // Only for what is signed: a tree with the change in it costs a copy.
                if let Cow::Owned(_) = signed {
                    permanent::check(&batch.tree(), namespace, &stored)?;
                }
                Ok(Some(Put::Instance(stored)))
            }
        },
        Operation::Delete(path) => match dynamic(batch, &path.class) {
            Some(failure) => Err(failure),
            None => batch.delete_instance(namespace, path).map(|()| None),
        },
        Operation::PutClass { class, options } => put_class(batch, cx, class, options).map(Put::Class).map(Some),
        Operation::DeleteClass(name) => batch.delete_class(namespace, name).map(|()| None),
        _ => Err(WbemStatus::NOT_SUPPORTED.into()),
    }
}
