"""The other programs of a mail server, with their own locks, temporaries and order of renames, as
processes that change a server while vstate works on it. They must not know vstate.

locking     the two kinds of locks, and how long each program waits
living      a neighbour: what it does again and again, and what must hold of it at the end
vpopmail    vadduser, vpasswd, vdeluser, valias
qmail       vadddomain, vdeldomain, qmail-newu, qmail-newmrh
ezmlm       ezmlm-sub, ezmlm-unsub, ezmlm-send
mail        vdelivermail, Dovecot, Courier
readers     what looks things up without a lock: logins, qmail-lspawn, qmail-smtpd, qmail-local
"""
