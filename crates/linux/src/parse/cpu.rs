//! `/proc/cpuinfo`, `/proc/stat` and lists of processors such as `0-3,8`.

/// The block of one logical processor in `/proc/cpuinfo`.
pub(crate) fn block(cpuinfo: &str, cpu: u32) -> Option<&str> {
    let number = |block: &str| crate::parse::fields::number_after_colon(block, "processor");
    cpuinfo.split("\n\n").find(|b| number(b) == Some(u64::from(cpu)))
}

/// Most processors that a list may name.
const CPUS_MAX: usize = 65_536;

/// The numbers in a list `0-3,8`; parts of another form are left out.
pub(crate) fn list(text: &str) -> Vec<u32> {
    let mut cpus = Vec::new();
    for part in text.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (Ok(first), Ok(last)) = (first.parse::<u32>(), last.parse::<u32>()) else { continue };
        cpus.extend((first..=last).take(CPUS_MAX - cpus.len().min(CPUS_MAX)));
    }
    cpus
}

/// Ticks of a processor since boot.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Ticks {
    pub(crate) busy: u64,
    pub(crate) total: u64,
}

impl Ticks {
    /// Share of busy ticks since an earlier sample, in whole per cent; `None` where no tick passed.
    pub(crate) fn load_since(self, earlier: Ticks) -> Option<u64> {
        let total = self.total.checked_sub(earlier.total).filter(|t| *t > 0)?;
        // Idle ticks can run backwards by a little (proc_stat(5)).
        let busy = self.busy.saturating_sub(earlier.busy).min(total);
        Some((u128::from(busy) * 100 / u128::from(total)) as u64)
    }
}

/// The sum over the lines `cpuN` of `/proc/stat` for some processors.
pub(crate) fn ticks(stat: &str, cpus: &[u32]) -> Ticks {
    let mut sum = Ticks::default();
    for line in stat.lines() {
        let Some((name, rest)) = line.strip_prefix("cpu").and_then(|l| l.split_once(' ')) else { continue };
        if !name.parse::<u32>().is_ok_and(|n| cpus.contains(&n)) {
            continue;
        }
        // user nice system idle iowait irq softirq steal; guest time is in user time already.
        let fields: Vec<u64> = rest.split_whitespace().take(8).filter_map(|f| f.parse().ok()).collect();
        let total = fields.iter().fold(0u64, |a, b| a.saturating_add(*b));
        let idle = fields.iter().skip(3).take(2).fold(0u64, |a, b| a.saturating_add(*b));
        sum.total = sum.total.saturating_add(total);
        sum.busy = sum.busy.saturating_add(total.saturating_sub(idle));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_single_numbers_and_ranges() {
        for (text, expect) in [("0-3,8\n", vec![0, 1, 2, 3, 8]), ("5", vec![5]), ("", vec![]), ("x,2-,-3,4-2,7", vec![7])] {
            assert_eq!(list(text), expect, "{text}");
        }
        assert_eq!(list("0-4294967295").len(), CPUS_MAX);
        assert_eq!(list("0-4294967295,0-4294967295").len(), CPUS_MAX);
    }

    #[test]
    fn load_is_the_busy_share_of_the_ticks_between() {
        let earlier = "cpu  1 1 1 1\ncpu0 100 0 50 800 50 0 0 0 100 0\ncpu1 9 9 9 9 9 9 9 9\nintr 5\n";
        let later = "cpu0 125 0 50 850 75 0 0 0 125 0\n";
        let (a, b) = (ticks(earlier, &[0]), ticks(later, &[0]));
        assert_eq!(a, Ticks { busy: 150, total: 1000 });
        assert_eq!(b.load_since(a), Some(25));
        assert_eq!(a.load_since(a), None);
        assert_eq!(a.load_since(b), None);
        for end in 0..earlier.len() {
            ticks(&earlier[..end], &[0, 1]);
        }
    }

    #[test]
    fn a_block_is_that_of_its_processor() {
        let text = "processor\t: 0\nmodel\t\t: 1\n\nprocessor\t: 1\nmodel\t\t: 2\n";
        assert!(block(text, 1).unwrap().contains("model\t\t: 2"));
        assert_eq!(block(text, 2), None);
    }
}
