"""Files, whoever reads or writes them: private ones, bounded data, patterns, full disks."""
