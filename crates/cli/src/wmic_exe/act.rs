//! What a verb does on one computer.

use super::parse::{Subject, Verb};
use crate::query::{At, Work, Working};
use rwmi_cim::{Entity, ObjectPath, PathKeys};
use rwmi_client::{Argument, Error, Instance, Misuse, Namespace, PutMode, PutOptions, WbemStatus};
use std::io::{self, BufRead, Write};
use std::sync::Mutex;
use std::time::Duration;

/// Work of a verb, and whether somebody is asked first.
pub(super) struct Act {
    pub(super) subject: Subject,
    pub(super) clause: Option<String>,
    pub(super) verb: Verb,
    /// The query of LIST and GET.
    pub(super) select: String,
    pub(super) every: Option<Duration>,
    /// How often; `None` is until interrupted.
    pub(super) times: Option<u32>,
    /// Held while somebody is asked: one question at a time.
    pub(super) asking: Option<Mutex<()>>,
}

impl Work for Act {
    fn run<'a>(&'a self, at: At<'a>) -> Working<'a> {
        Box::pin(async move {
            match &self.verb {
                Verb::List(_) | Verb::Get(_) => self.show(&at).await,
                Verb::Properties | Verb::Methods => {
                    let class = at.namespace.class(&self.path(at.namespace)?.class).await?;
                    at.row(Entity::Class(class)).await;
                    Ok(())
                }
                Verb::Call { method, arguments } => self.call(&at, method, arguments).await,
                Verb::Create(given) => self.create(&at, given).await,
                Verb::Set(given) => self.set(&at, given).await,
                Verb::Delete => self.delete(&at).await,
                Verb::Assoc { class, role, association } => self.assoc(&at, class, role, association).await,
            }
        })
    }
}

/// Values as they were written.
fn arguments(given: &[(String, String)]) -> Vec<(String, Argument)> {
    given.iter().map(|(name, value)| (name.clone(), Argument::Text(value.clone()))).collect()
}

fn mode(create_only: bool) -> PutOptions {
    let mut options = PutOptions::default();
    options.mode = PutMode { create_only, update_only: !create_only, ..PutMode::default() };
    options
}

impl Act {
    fn path(&self, namespace: &Namespace) -> Result<ObjectPath, Error> {
        let text = self.subject.path();
        text.parse().map_err(|e| {
            let why = format!("{text:?} is no class and no path of an instance: {e}");
            Error::misuse(namespace.host(), Misuse::Rule { status: WbemStatus::INVALID_OBJECT_PATH, why })
        })
    }

    async fn show(&self, at: &At<'_>) -> Result<(), Error> {
        let path = self.path(at.namespace)?;
        let mut round = 0u32;
        // The time is for connecting and for each round.
        let time = at.left();
        loop {
            if matches!(self.subject, Subject::Class(_)) {
                at.row(Entity::Class(at.namespace.class(&path.class).await?)).await;
            } else if path.keys != PathKeys::Class && self.clause.is_none() {
                at.row(Entity::Instance(at.namespace.object(self.subject.path()).await?)).await;
            } else {
                let mut rows = at.namespace.query(&self.select).without_local_check().deadline(time).entities().await?;
                while let Some(row) = rows.next().await {
                    if !at.row(row?).await {
                        return Ok(());
                    }
                }
            }
            round = round.saturating_add(1);
            match self.every {
                Some(pause) if self.times.is_none_or(|times| round < times) => tokio::time::sleep(pause).await,
                _ => return Ok(()),
            }
        }
    }

    /// The objects that are meant: one that is named by its keys, or those that fit the condition.
    async fn meant(&self, at: &At<'_>) -> Result<Vec<Entity>, Error> {
        let path = self.path(at.namespace)?;
        if path.keys != PathKeys::Class && self.clause.is_none() {
            return Ok(vec![Entity::Instance(at.namespace.object(self.subject.path()).await?)]);
        }
        let condition = self.clause.as_ref().map_or(String::new(), |c| format!(" WHERE {c}"));
        let query = format!("SELECT * FROM {}{condition}", path.class);
        at.namespace.query(query).without_local_check().ensure_locatable(true).deadline(at.left()).entities().await?.collect().await
    }

    fn path_of(entity: &Entity) -> Option<String> {
        match entity {
            Entity::Instance(object) => object.relative_path().map(|p| p.to_string()),
            Entity::Class(class) => Some(class.name.clone()),
        }
    }

    /// Whether it is to be done: everything is, unless somebody asked to be asked.
    async fn may(&self, question: String) -> bool {
        let Some(asking) = &self.asking else { return true };
        let ask = move || {
            let mut line = String::new();
            // What cannot be shown or read is a no.
            let shown = write!(io::stderr(), "{question} (Y/N)? ").and_then(|()| io::stdin().lock().read_line(&mut line));
            shown.is_ok() && matches!(line.trim(), "y" | "Y" | "yes" | "YES")
        };
        tokio::task::block_in_place(|| {
            let _one = asking.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            ask()
        })
    }

    async fn call(&self, at: &At<'_>, method: &str, values: &[Option<String>]) -> Result<(), Error> {
        let path = self.path(at.namespace)?;
        let targets = match (&self.subject, &self.clause) {
            (Subject::Class(_), _) => vec![path.to_string()],
            (_, None) if path.keys == PathKeys::Class => vec![path.to_string()],
            (_, None) => vec![path.to_string()],
            (_, Some(_)) => self.meant(at).await?.iter().filter_map(Act::path_of).collect(),
        };
        for target in targets {
            if !self.may(format!("Execute ({target})->{method}()")).await {
                continue;
            }
            let call = at.namespace.method(&target, method).await?;
            let names: Vec<String> = call.declaration().parameters().iter().filter(|p| p.input).map(|p| p.property.name.clone()).collect();
            if names.len() < values.len() {
                let why = format!("{method} takes {} arguments, not {}\n{}", names.len(), values.len(), call.declaration().signature());
                return Err(Error::misuse(at.namespace.host(), Misuse::Rule { status: WbemStatus::INVALID_METHOD_PARAMETERS, why }));
            }
            let given = names.into_iter().zip(values).filter_map(|(name, value)| Some((name, Argument::Text(value.clone()?))));
            crate::call::finish(call.args(given.collect::<Vec<_>>()), at).await?;
        }
        Ok(())
    }

    async fn create(&self, at: &At<'_>, given: &[(String, String)]) -> Result<(), Error> {
        let path = self.path(at.namespace)?;
        let mut instance = Instance::new(at.namespace.class(&path.class).await?);
        at.namespace.fill(&mut instance, &arguments(given)).await?;
        if self.may(format!("Create instance in '{}' class", path.class)).await {
            at.namespace.put_instance(&instance, &mode(true)).await?;
            at.row(Entity::from(instance)).await;
        }
        Ok(())
    }

    async fn set(&self, at: &At<'_>, given: &[(String, String)]) -> Result<(), Error> {
        for entity in self.meant(at).await? {
            let Entity::Instance(object) = entity else { continue };
            let named = object.relative_path().map(|p| p.to_string()).unwrap_or_default();
            let mut instance = object
                .to_instance()
                .map_err(|e| Error::new(rwmi_client::Step::Decode, at.namespace.host(), None, rwmi_client::ErrorKind::Object(e)))?;
            at.namespace.fill(&mut instance, &arguments(given)).await?;
            if self.may(format!("Update properties of '{named}'")).await {
                at.namespace.put_instance(&instance, &mode(false)).await?;
                at.row(Entity::from(instance)).await;
            }
        }
        Ok(())
    }

    async fn delete(&self, at: &At<'_>) -> Result<(), Error> {
        if let Subject::Class(class) = &self.subject {
            if self.may(format!("Delete class '{class}'")).await {
                let entity = Entity::Class(at.namespace.class(class).await?);
                at.namespace.delete_class(class).await?;
                at.row(entity).await;
            }
            return Ok(());
        }
        for entity in self.meant(at).await? {
            let Some(path) = Act::path_of(&entity) else { continue };
            if self.may(format!("Delete '{path}'")).await {
                at.namespace.delete_instance(&path).await?;
                at.row(entity).await;
            }
        }
        Ok(())
    }

    async fn assoc(&self, at: &At<'_>, class: &Option<String>, role: &Option<String>, association: &Option<String>) -> Result<(), Error> {
        let mut conditions = String::new();
        for (keyword, value) in [("ResultClass", class), ("ResultRole", role), ("AssocClass", association)] {
            if let Some(value) = value {
                conditions += &format!(" {keyword} = {value}");
            }
        }
        if !conditions.is_empty() {
            conditions.insert_str(0, " WHERE");
        }
        let from = match &self.subject {
            Subject::Class(class) => vec![class.clone()],
            _ => self.meant(at).await?.iter().filter_map(Act::path_of).collect(),
        };
        let schema = if matches!(self.subject, Subject::Class(_)) {
            if conditions.is_empty() { " WHERE SchemaOnly" } else { " SchemaOnly" }
        } else {
            ""
        };
        for path in from {
            let query = format!("ASSOCIATORS OF {{{path}}}{conditions}{schema}");
            let mut rows = at.namespace.query(query).without_local_check().deadline(at.left()).entities().await?;
            while let Some(row) = rows.next().await {
                if !at.row(row?).await {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
