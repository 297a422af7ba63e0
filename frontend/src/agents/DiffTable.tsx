/** Fields that differ, side by side. What stands in them is shown as text, never as markup. */
import { Table } from "@mantine/core";
import type { ReactNode } from "react";
import classes from "./DiffTable.module.css";
import { knownField } from "./schema";
import { SECTIONS } from "./sections";
import { valueText } from "./words";

interface Row {
  path: string;
  cells: [unknown, unknown];
  /** Below the field's name. */
  note?: ReactNode;
}

interface Props {
  rows: readonly Row[];
  columns: [ReactNode, ReactNode];
  /** What stands around a value, such as a choice. */
  wrap?: (row: Row, index: 0 | 1, text: ReactNode) => ReactNode;
}

export function DiffTable({ rows, columns, wrap = (_row, _index, text) => text }: Props) {
  return (
      <Table className={classes.table} layout="fixed">
        <Table.Thead>
          <Table.Tr>
            <Table.Th w="28%">Field</Table.Th>
            <Table.Th>{columns[0]}</Table.Th>
            <Table.Th>{columns[1]}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={row.path}>
              <Table.Th scope="row" className={classes.field}>
                <span className={classes.section}>{sectionTitle(row.path)}</span>
                {knownField(row.path).title}
                {row.note}
              </Table.Th>
              {([0, 1] as const).map((index) => (
                <Table.Td key={index}>
                  {wrap(
                    row,
                    index,
                    <span className={classes.value}>{valueText(row.path, row.cells[index], knownField(row.path))}</span>,
                  )}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
  );
}

function sectionTitle(path: string): string {
  return SECTIONS.find((section) => section.fields.includes(path))?.title ?? "";
}
