//! MOF, the language of class definitions.
