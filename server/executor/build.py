"""BUILDERS.

The operator of each kind of plan node. Building is apart from running, so that cached plans run
again.
"""

from __future__ import annotations

from typing import Any, Final

from server.executor.append import Append
from server.executor.catalog_change import CatalogUpdate
from server.executor.catalog_scan import CatalogScan
from server.executor.common_tables import CommonTable, CommonTableScan, WorkTableScan
from server.executor.distinct import Distinct
from server.executor.failure import Failure
from server.executor.filter import Filter, NoRows, OneRow, Project, Values
from server.executor.foreign_scan import ForeignScan
from server.executor.fused import FusedAggregate
from server.executor.index_join import join_of
from server.executor.index_scan import IndexScan
from server.executor.inverted_scan import InvertedScan
from server.executor.join import HashJoin
from server.executor.limit import Limit
from server.executor.lock_rows import LockRows
from server.executor.merge import Merge
from server.executor.modify import Insert
from server.executor.modify_rows import Delete
from server.executor.project_set import FunctionScan, ProjectSet
from server.executor.recursive_union import RecursiveUnion
from server.executor.scan import RowIdScan, TableScan
from server.executor.setops import SetOperation
from server.executor.sort import Sort
from server.executor.update_rows import Update
from server.executor.window import Window
from server.planner import change_plans, inverted_plan, physical

BUILDERS: Final[dict[type[physical.Plan], Any]] = {
    physical.OneRow: OneRow,
    physical.NoRows: NoRows,
    physical.Failure: Failure,
    physical.Values: Values,
    physical.TableScan: TableScan,
    physical.CatalogScan: CatalogScan,
    physical.ForeignScan: ForeignScan,
    physical.FunctionScan: FunctionScan,
    physical.Filter: Filter,
    physical.Project: Project,
    physical.ProjectSet: ProjectSet,
    physical.Limit: Limit,
    physical.Sort: Sort,
    physical.Distinct: Distinct,
    physical.HashAggregate: FusedAggregate,
    physical.HashJoin: HashJoin,
    physical.NestedLoop: join_of,
    physical.Append: Append,
    physical.SetOperation: SetOperation,
    physical.CommonTable: CommonTable,
    physical.CommonTableScan: CommonTableScan,
    physical.RecursiveUnion: RecursiveUnion,
    physical.WorkTableScan: WorkTableScan,
    physical.Window: Window,
    physical.IndexScan: IndexScan,
    inverted_plan.InvertedScan: InvertedScan,
    physical.RowIdScan: RowIdScan,
    physical.LockRows: LockRows,
    change_plans.Insert: Insert,
    change_plans.Update: Update,
    change_plans.CatalogUpdate: CatalogUpdate,
    change_plans.Delete: Delete,
    change_plans.Merge: Merge,
}
"""Plan node class to operator class, or to what chooses one; called with the node and the builder of its inputs."""
