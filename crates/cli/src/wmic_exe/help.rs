//! What `/?` says.

use super::alias::ALIASES;

pub(super) const TEXT: &str = r"wmic [switches] (ALIAS | PATH path | CLASS class) [WHERE condition | value] [verb ...]

Switches, before the subject; in the shell they hold until they are changed:
  /NODE:a,b or /NODE:@file   computers            /NAMESPACE:root\cimv2    namespace
  /USER:DOMAIN\user          account              /LOCALE:MS_409           language of texts
  /IMPLEVEL:Impersonate      Identify, Delegate   /AUTHLEVEL:Pktprivacy    Default, Connect, Call, Pkt, Pktintegrity
  /AUTHORITY:ntlmdomain:CORP who knows the account /PRIVILEGES:ENABLE      of no effect over a network
  /INTERACTIVE:ON            ask before changes   /FAILFAST:ON or :ms      leave out who does not answer
  /OUTPUT:file /APPEND:file  instead of STDOUT    /AGGREGATE:OFF           rows as they come
  /RECORD:file               what was asked and shown, as XML             /TRACE:ON  say more on standard error
The options of the other commands do too: --password-file, -A, --throttle, --timeout ...

Verbs:
  LIST [BRIEF|FULL|INSTANCE|STATUS|SYSTEM]
  GET [property, ...]        * or nothing is all; GET /? shows those there are
  CALL method [value, ...]   in the order of the signature; CALL /? shows the methods
  CREATE name=value, ...     an instance
  SET name=value, ...        of each instance that is meant
  DELETE                     each instance that is meant; of CLASS the class
  ASSOC [/RESULTCLASS:class] [/RESULTROLE:role] [/ASSOCCLASS:class]
Behind LIST and GET: /FORMAT:TABLE|LIST|CSV|HTABLE|HFORM|XML|MOF|JSON|YAML, /VALUE, /ALL, /EVERY:seconds [/REPEAT:times],
/TRANSLATE:BasicXml|NoComma.

ALIAS shows the aliases, CONTEXT the switches in force; QUIT and EXIT end the shell, which starts where nothing is asked for.
Examples:
  wmic os get Caption, Version /value
  wmic /node:srv01,srv02 /user:CORP\alice logicaldisk where DriveType=3 get DeviceID, FreeSpace /format:csv
  wmic process where Name='sshd' list brief
  wmic /node:srv01 process call create 'sleep 60'
";

/// The aliases and their classes.
pub(super) fn aliases() -> String {
    ALIASES.iter().map(|a| format!("{:<20} {}\n", a.name, a.class)).collect()
}
