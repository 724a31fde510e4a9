"""Datasets as files: export, import, and asking an archive without importing it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.errors import DatasetNotFoundError, OutputExistsError, UsageError
from knowledge.files.private import temporary_folder
from knowledge.knowledge_base.shared import Shared
from knowledge.model import Dataset
from knowledge.storage.opening import other_store

if TYPE_CHECKING:
    from knowledge.requests import StrPath
    from knowledge.storage.archive.manifest import ArchivedDataset


class Sharing:
    """The group ``kb.sharing``."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def export(
        self, names: str | Sequence[str], output: StrPath, *, overwrite: bool = False
    ) -> list[Dataset]:
        """Write datasets to one archive, which appears when it is whole.

        Parameters
        ----------
        names:
            Name or names; none is all datasets.
        output:
            The file.
        overwrite:
            Replace a file that is there.

        Raises
        ------
        OutputExistsError
            There is a file, and ``overwrite`` is false.
        DatasetNotFoundError
            One of them does not exist, or there is none at all.
        DamagedStoreError
            A dataset's vectors are not whole.
        """
        from knowledge.storage.archive.exporting import export_datasets

        _check_free(Path(output), overwrite=overwrite)
        listed = [names] if isinstance(names, str) else list(dict.fromkeys(names))
        with self._shared.existing((listed or ["default"])[0]) as catalog:
            return export_datasets(catalog, listed, Path(output))

    def copy_to(
        self, store: str, name: str, new: str | None = None, *, overwrite: bool = False
    ) -> Dataset:
        """Copy a dataset into another store; nothing is embedded again.

        Parameters
        ----------
        store:
            ``postgresql://…``, the path of a data folder, or ``local`` for that of the settings;
            ``chroma+http://…`` or ``qdrant://…`` is that with the vectors on a server.
        new:
            What the copy is called; default ``name``.

        Raises
        ------
        DatasetNotFoundError
            There is no dataset of this name.
        DatasetExistsError
            There is one called ``new`` in the other store, and ``overwrite`` is false.
        UsageError
            ``store`` names none, or it can't be used.
        StoreServerError, VectorServerError
            It can't be reached.
        """
        other = Shared(other_store(self._shared.settings, store), notify=self._shared.notify)
        try:
            with self._shared.existing(name) as catalog:
                source = catalog.dataset(name)
            with other.store.open() as catalog:
                catalog.check_free(new or name, overwrite=overwrite)
            with temporary_folder() as folder:
                archive = Path(folder) / "dataset.knowledge"
                self.export(name, archive)
                [made] = Sharing(other).import_archive(archive, rename=new, overwrite=overwrite)
        finally:
            other.close()
        other.inherit([source], made)
        return made

    def export_table(
        self,
        names: str | Sequence[str],
        output: StrPath,
        *,
        kind: str = "jsonl",
        overwrite: bool = False,
    ) -> list[Dataset]:
        """Write a row for each chunk, with its vector, for other tools.

        Parameters
        ----------
        kind:
            ``jsonl`` or ``parquet``; the latter needs the extra ``parquet``.
        overwrite:
            Replace a file that is there.

        Raises
        ------
        OutputExistsError
            There is a file, and ``overwrite`` is false.
        DatasetNotFoundError
            One of the datasets does not exist, or there is none at all.
        UsageError
            The extra is not installed.
        """
        from knowledge.storage.archive.table_export import export_table

        _check_free(Path(output), overwrite=overwrite)
        listed = [names] if isinstance(names, str) else list(dict.fromkeys(names))
        with self._shared.existing((listed or ["default"])[0]) as catalog:
            return export_table(catalog, listed, Path(output), kind)

    def import_archive(
        self,
        archive: StrPath,
        names: str | Sequence[str] = (),
        *,
        rename: str | None = None,
        overwrite: bool = False,
    ) -> list[Dataset]:
        """Bring datasets of an archive in; each is there as a whole, or not at all.

        Parameters
        ----------
        names:
            Name or names in the archive; none is all of them.
        rename:
            Name to give the dataset; then there must be one only.
        overwrite:
            Replace datasets that have the name.

        Raises
        ------
        PathNotFoundError
            There is no such file.
        DatasetNotFoundError
            The archive holds no dataset of this name.
        DatasetExistsError
            A name is taken.
        DamagedArchiveError
            The archive is not whole, or was tampered with; nothing was changed.
        """
        from knowledge.storage.archive.importing import import_dataset
        from knowledge.storage.archive.opening import open_archive, read_manifest, verify

        listed = [names] if isinstance(names, str) else list(names)
        with open_archive(Path(archive)) as opened:
            chosen = _chosen(read_manifest(opened), listed, str(archive))
            if rename is not None and len(chosen) != 1:
                raise UsageError(f"`rename` names one dataset; the import has {len(chosen)}")
            for dataset in chosen:
                verify(opened, dataset)
            with self._shared.store.open() as catalog:
                for dataset in chosen:
                    catalog.check_free(rename or dataset.name, overwrite=overwrite)
                return [
                    import_dataset(
                        catalog,
                        opened,
                        dataset,
                        rename,
                        overwrite=overwrite,
                        lock_timeout=self._shared.lock_timeout,
                        notify=self._shared.notify,
                    )
                    for dataset in chosen
                ]


def _check_free(output: Path, *, overwrite: bool) -> None:
    if output.exists() and not overwrite:
        raise OutputExistsError(f"there is a file {output} already")


def _chosen(
    held: Sequence[ArchivedDataset], names: Sequence[str], archive: str
) -> list[ArchivedDataset]:
    by_name = {dataset.name: dataset for dataset in held}
    for name in names:
        if name not in by_name:
            raise DatasetNotFoundError(
                f"{archive} holds no dataset {name!r}",
                hint=f"It holds {', '.join(map(repr, by_name)) or 'none'}.",
            )
    return [by_name[name] for name in dict.fromkeys(names)] or list(held)
