//! Providers that read Win32 classes from a Linux machine.
