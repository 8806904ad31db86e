"""The power goes at any moment of each scenario: of what was not synced any part may be gone, files
and names separately. The next run ends as if nothing had happened; and what a run that ended had
reported as done is there, whatever it had not synced. Without VSTATE_DEEP some moments of each
second scenario, and one state of the disk for each.
"""

import unittest

import support
from support import power_cut, scenarios
from support.power_cut import PowerCut

WHY_NOT = power_cut.can_record()
needs_recording = unittest.skipIf(WHY_NOT, f"nothing can be written down: {WHY_NOT}")

#: What a database server, a shell, or a server of SFTP has written is theirs to sync.
OF_OTHERS = (scenarios.sql.Mysql, scenarios.sql.Pgsql, scenarios.dumps.DumpAsStream,
             scenarios.switch.CutoverBySftp)

globals().update({name: needs_recording(case) for name, case in scenarios.under(PowerCut, [
    scenario for scenario in scenarios.some(2) if scenario not in OF_OTHERS]).items()})

if __name__ == "__main__":
    support.main()
