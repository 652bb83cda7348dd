//! `rwmi get-class`: a class, as MOF.

use crate::args::{ClassFormat, GetClass};
use crate::complete::schema;
use crate::connect::Targets;
use crate::dump;
use crate::many::print_texts;
use crate::report::Failure;
use rwmi_cim::mof;
use std::process::ExitCode;

/// Gets it from each computer, and prints it.
pub(crate) fn run(mut args: GetClass) -> Result<ExitCode, Failure> {
    args.class = args.connect.take_path(&args.class)?;
    let targets = Targets::new(args.connect)?;
    let several = 1 < targets.hosts().len();
    print_texts(targets, move |_, namespace, host| {
        let (name, output, amended) = (args.class.clone(), args.output, args.amended);
        async move {
            let class = if amended { namespace.amended_class(&name).await } else { namespace.class(&name).await }?;
            schema::learn(&host, namespace.name(), [&*class]);
            let text = match output {
                ClassFormat::Mof if several => format!("// {host}\n{}", mof::print_class(&class)),
                ClassFormat::Mof => mof::print_class(&class),
                ClassFormat::Json if several => format!("{}\n", serde_json::json!({ "__HOST": host, "class": dump::class_json(&class) })),
                ClassFormat::Json => format!("{:#}\n", dump::class_json(&class)),
            };
            Ok(text.into())
        }
    })
}
