/// \file
/// The tables of the ledger, by format. docs/formats/ledger.md describes them.
#pragma once

#include <array>

namespace vstate {

/// What makes a ledger of format N out of one of format N - 1.
inline constexpr std::array k_steps{
    R"(CREATE TABLE meta(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE domain(number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE part(domain INTEGER NOT NULL REFERENCES domain, item TEXT NOT NULL, part TEXT NOT NULL,
                  digest BLOB NOT NULL, PRIMARY KEY(domain, item, part)) WITHOUT ROWID;
CREATE TABLE run(number INTEGER PRIMARY KEY, command TEXT NOT NULL, domain TEXT NOT NULL,
                 started INTEGER NOT NULL, ended INTEGER NOT NULL DEFAULT 0,
                 summary TEXT NOT NULL DEFAULT '', messages INTEGER NOT NULL DEFAULT 0,
                 bytes INTEGER NOT NULL DEFAULT 0);
CREATE TABLE change(run INTEGER NOT NULL REFERENCES run, place INTEGER NOT NULL,
                    address TEXT NOT NULL, failure TEXT NOT NULL,
                    PRIMARY KEY(run, place)) WITHOUT ROWID;)",
    R"(CREATE TABLE box(number INTEGER PRIMARY KEY, domain INTEGER NOT NULL REFERENCES domain,
                 kind TEXT NOT NULL, name TEXT NOT NULL, UNIQUE(domain, kind, name));
CREATE TABLE entry(box INTEGER NOT NULL REFERENCES box, name BLOB NOT NULL, place INTEGER NOT NULL,
                   marks INTEGER NOT NULL, pending INTEGER NOT NULL,
                   PRIMARY KEY(box, name)) WITHOUT ROWID;
CREATE INDEX entry_pending ON entry(pending) WHERE pending != 0;
CREATE TABLE announced(box INTEGER NOT NULL REFERENCES box, name BLOB NOT NULL,
                       place INTEGER NOT NULL, marks INTEGER NOT NULL, at INTEGER NOT NULL,
                       from_place INTEGER NOT NULL, from_marks INTEGER NOT NULL,
                       PRIMARY KEY(box, name)) WITHOUT ROWID;
CREATE TABLE archive(box INTEGER NOT NULL REFERENCES box, sha256 TEXT NOT NULL,
                     identity TEXT NOT NULL, PRIMARY KEY(box, sha256)) WITHOUT ROWID;)"};

}  // namespace vstate
