"""What the real tools printed for the captured servers (vdominfo, vuserinfo, vmoddomlimits, valias,
ezmlm-list) agrees with the dump, field by field; and every clear-text password that is known of the
accounts opens the account that an apply makes."""

import support
from support.real_tools import RealTools


class RealTools54Test(RealTools, support.SandboxCase):
    capture = "vp54-cdb"


class RealTools56Test(RealTools, support.SandboxCase):
    capture = "vp56-cdb"


if __name__ == "__main__":
    support.main()
