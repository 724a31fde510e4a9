"""The catalog's tables, and the migrations between their versions.

``PRAGMA user_version`` holds the version of a catalog. A migration is one script; it runs in one
transaction and must leave the catalog as the next version wants it.

Rows of ``files`` and ``chunks`` carry the generation that added them and the one that removed
them. A reader of generation g sees the rows with ``added <= g`` and ``removed`` null or above g.
``datasets.vectors`` is the generation whose folder holds the vectors: an earlier one when the last
publish changed none.
"""

from __future__ import annotations

_TERMS_OF_NEW = """fulltext_terms(
            new.dataset,
            coalesce(
                json_extract(new.metadata, '$.language'),
                (SELECT coalesce(json_extract(given, '$.language'),
                                 json_extract(metadata, '$.language'))
                 FROM files WHERE dataset = new.dataset AND id = new.file_id
                 ORDER BY added DESC LIMIT 1)),
            new.heading,
            new.text)"""
"""SQL: the full-text terms of a ``chunks`` row called ``new``, in the language that its metadata
or its file's tells."""

_STROKED = "łŁøØđĐðÐħĦŧŦƀɃɨƗɉɈŋŊıĸſæÆœŒßẞþÞ"
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE datasets (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        key TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL UNIQUE,
        generation INTEGER NOT NULL DEFAULT 0,
        vectors INTEGER NOT NULL DEFAULT 0,
        provider TEXT,
        model TEXT,
        dimensions INTEGER,
        model_options TEXT,
        chunk_size INTEGER,
        chunk_overlap INTEGER,
        metadata TEXT NOT NULL DEFAULT '{}',
        files INTEGER NOT NULL DEFAULT 0,
        chunks INTEGER NOT NULL DEFAULT 0,
        dead INTEGER NOT NULL DEFAULT 0,
        staged INTEGER NOT NULL DEFAULT 0,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL
    );

    CREATE TABLE files (
        row INTEGER PRIMARY KEY,
        dataset INTEGER NOT NULL REFERENCES datasets (id) ON DELETE CASCADE,
        id TEXT NOT NULL,
        path TEXT NOT NULL,
        name TEXT NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        content_hash TEXT NOT NULL,
        chunks INTEGER NOT NULL,
        tokens INTEGER NOT NULL,
        metadata TEXT NOT NULL,
        given TEXT NOT NULL,
        ingested_at TEXT NOT NULL,
        added INTEGER NOT NULL,
        removed INTEGER
    );
    CREATE INDEX files_path ON files (dataset, path);
    CREATE INDEX files_id ON files (dataset, id);
    CREATE INDEX files_removed ON files (dataset, removed) WHERE removed IS NOT NULL;

    CREATE TABLE chunks (
        row INTEGER PRIMARY KEY,
        dataset INTEGER NOT NULL REFERENCES datasets (id) ON DELETE CASCADE,
        id TEXT NOT NULL,
        file_id TEXT NOT NULL,
        ordinal INTEGER NOT NULL,
        text TEXT NOT NULL,
        heading TEXT NOT NULL,
        char_start INTEGER NOT NULL,
        char_end INTEGER NOT NULL,
        line_start INTEGER,
        line_end INTEGER,
        page_start INTEGER,
        page_end INTEGER,
        tokens INTEGER NOT NULL,
        added INTEGER NOT NULL,
        removed INTEGER
    );
    CREATE INDEX chunks_id ON chunks (dataset, id);
    CREATE INDEX chunks_file ON chunks (dataset, file_id, ordinal);
    CREATE INDEX chunks_removed ON chunks (dataset, removed) WHERE removed IS NOT NULL;

    CREATE VIRTUAL TABLE chunks_fts USING fts5 (
        heading, text,
        content = 'chunks', content_rowid = 'row',
        tokenize = 'porter unicode61 remove_diacritics 2'
    );
    CREATE TRIGGER chunks_insert AFTER INSERT ON chunks BEGIN
        INSERT INTO chunks_fts (rowid, heading, text) VALUES (new.row, new.heading, new.text);
    END;
    CREATE TRIGGER chunks_delete AFTER DELETE ON chunks BEGIN
        INSERT INTO chunks_fts (chunks_fts, rowid, heading, text)
        VALUES ('delete', old.row, old.heading, old.text);
    END;
    """,
    # A chunk of a sheet, a slide or a container's member says so; most chunks have no need to.
    """
    ALTER TABLE chunks ADD COLUMN place TEXT;
    ALTER TABLE chunks ADD COLUMN metadata TEXT;
    """,
    # What the next run must know of where a file came from; most files have no need to.
    """
    ALTER TABLE files ADD COLUMN remembered TEXT;
    """,
    # The full-text index holds terms of our own making: see fulltext.py. `touched` counts the
    # changes of file rows that no generation is made for.
    f"""
    DROP TRIGGER chunks_insert;
    DROP TRIGGER chunks_delete;
    DROP TABLE chunks_fts;
    CREATE VIRTUAL TABLE chunks_fts USING fts5 (
        terms, detail = none, columnsize = 0, tokenize = "ascii tokenchars '_.:/@&+#-~='"
    );
    CREATE TRIGGER chunks_insert AFTER INSERT ON chunks BEGIN
        INSERT INTO chunks_fts (rowid, terms) VALUES (new.row, {_TERMS_OF_NEW});
    END;
    CREATE TRIGGER chunks_delete AFTER DELETE ON chunks BEGIN
        DELETE FROM chunks_fts WHERE rowid = old.row;
    END;
    INSERT INTO chunks_fts (rowid, terms) SELECT new.row, {_TERMS_OF_NEW} FROM chunks AS new;
    CREATE INDEX chunks_sizes ON chunks (dataset, tokens, added, removed);
    CREATE INDEX chunks_metadata ON chunks (dataset) WHERE metadata IS NOT NULL;

    ALTER TABLE datasets ADD COLUMN touched INTEGER NOT NULL DEFAULT 0;
    CREATE TRIGGER files_touch AFTER UPDATE OF path, name, mtime_ns, metadata, given ON files BEGIN
        UPDATE datasets SET touched = touched + 1 WHERE id = new.dataset;
    END;
    """,
    # What came of the runs, and which files they could not take in.
    """
    CREATE TABLE runs (
        row INTEGER PRIMARY KEY,
        dataset INTEGER NOT NULL REFERENCES datasets (id) ON DELETE CASCADE,
        command TEXT NOT NULL,
        started_at TEXT NOT NULL,
        ended_at TEXT,
        outcome TEXT,
        generation INTEGER,
        report TEXT
    );
    CREATE INDEX runs_dataset ON runs (dataset);

    CREATE TABLE problems (
        row INTEGER PRIMARY KEY,
        dataset INTEGER NOT NULL REFERENCES datasets (id) ON DELETE CASCADE,
        file TEXT NOT NULL,
        status TEXT NOT NULL,
        reason TEXT NOT NULL,
        seen_at TEXT NOT NULL
    );
    CREATE INDEX problems_file ON problems (dataset, file);
    """,
    # The full-text table keeps no terms beside its lists; so a chunk's language is stored, which
    # the terms depend on.
    """
    ALTER TABLE chunks ADD COLUMN language TEXT;
    UPDATE chunks SET language = coalesce(
        json_extract(metadata, '$.language'),
        (SELECT coalesce(json_extract(files.given, '$.language'),
                         json_extract(files.metadata, '$.language'))
         FROM files WHERE files.dataset = chunks.dataset AND files.id = chunks.file_id
         ORDER BY added DESC LIMIT 1));
    DROP TRIGGER chunks_insert;
    DROP TRIGGER chunks_delete;
    DROP TABLE chunks_fts;
    CREATE VIEW chunks_terms AS
        SELECT row, fulltext_terms(dataset, language, heading, text) AS terms FROM chunks;
    CREATE VIRTUAL TABLE chunks_fts USING fts5 (
        terms, content = 'chunks_terms', content_rowid = 'row',
        detail = none, columnsize = 0, tokenize = "ascii tokenchars '_.:/@&+#-~='"
    );
    CREATE TRIGGER chunks_delete BEFORE DELETE ON chunks BEGIN
        INSERT INTO chunks_fts (chunks_fts, rowid, terms) VALUES (
            'delete', old.row,
            fulltext_terms(old.dataset, old.language, old.heading, old.text));
    END;
    INSERT INTO chunks_fts (chunks_fts) VALUES ('rebuild');
    """,
    # The vectors of a second model that gives weights of terms: a chunk's together, since they go
    # with it, and since a question has terms of most chunks.
    """
    ALTER TABLE datasets ADD COLUMN sparse TEXT;
    CREATE TABLE sparse (
        row INTEGER PRIMARY KEY REFERENCES chunks (row) ON DELETE CASCADE,
        terms BLOB NOT NULL,
        weights BLOB NOT NULL
    );
    """,
    # Terms are without strokes: the index is rebuilt where a text has letters that have one.
    f"""
    INSERT INTO chunks_fts (chunks_fts) SELECT 'rebuild' WHERE EXISTS (
        SELECT 1 FROM chunks WHERE text GLOB '*[{_STROKED}]*' OR heading GLOB '*[{_STROKED}]*');
    """,
    # Names and titles of files are searched as a field of their own.
    """
    CREATE VIEW files_terms AS
        SELECT row, name_terms(dataset, name, metadata, given) AS terms FROM files;
    CREATE VIRTUAL TABLE files_fts USING fts5 (
        terms, content = 'files_terms', content_rowid = 'row',
        detail = none, columnsize = 0, tokenize = "ascii tokenchars '_.:/@&+#-~='"
    );
    CREATE TRIGGER files_insert AFTER INSERT ON files BEGIN
        INSERT INTO files_fts (rowid, terms) VALUES (
            new.row, name_terms(new.dataset, new.name, new.metadata, new.given));
    END;
    CREATE TRIGGER files_delete BEFORE DELETE ON files BEGIN
        INSERT INTO files_fts (files_fts, rowid, terms) VALUES (
            'delete', old.row, name_terms(old.dataset, old.name, old.metadata, old.given));
    END;
    CREATE TRIGGER files_rename AFTER UPDATE OF name, metadata, given ON files BEGIN
        INSERT INTO files_fts (files_fts, rowid, terms) VALUES (
            'delete', old.row, name_terms(old.dataset, old.name, old.metadata, old.given));
        INSERT INTO files_fts (rowid, terms) VALUES (
            new.row, name_terms(new.dataset, new.name, new.metadata, new.given));
    END;
    INSERT INTO files_fts (files_fts) VALUES ('rebuild');
    """,
    # Lists of sparse vectors by term, so that a question reads those of its terms alone. `listed`
    # is the part in which a vector is listed, 0 for none yet; a part holds many vectors and is
    # never changed, so it may list rows that are gone, up to `last`: see sparse_lists.py.
    """
    ALTER TABLE sparse ADD COLUMN listed INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX sparse_unlisted ON sparse (row) WHERE listed = 0;
    CREATE TABLE sparse_parts (
        dataset INTEGER NOT NULL REFERENCES datasets (id) ON DELETE CASCADE,
        part INTEGER NOT NULL,
        vectors INTEGER NOT NULL,
        last INTEGER NOT NULL,
        PRIMARY KEY (dataset, part)
    );
    CREATE TABLE sparse_lists (
        dataset INTEGER NOT NULL REFERENCES datasets (id) ON DELETE CASCADE,
        term INTEGER NOT NULL,
        part INTEGER NOT NULL,
        rows BLOB NOT NULL,
        weights BLOB NOT NULL,
        PRIMARY KEY (dataset, term, part)
    ) WITHOUT ROWID;
    """,
    # Texts of chunks may be compressed from here on: see packing.py. Those that are there stay.
    "",
    # The vectors of a large dataset may lie in several collections from here on, and the list of
    # their ids is another: see chroma.py and graph_files.py. Folders that are there stay.
    "",
)

VERSION = len(MIGRATIONS)
