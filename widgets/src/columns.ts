// Rows that were sent as columns, as rows again; the other half is duranb/timelines/columns.py.

import type { Column, Sent, Update } from "./data.js";

/** An update as the page works with it. */
export const toUpdate = ({ about, columns, count }: Sent): Update =>
  ({ ...about, rows: unfold(columns, count) }) as unknown as Update;

/** The values of a column of `count`. */
export function unfold(column: Column, count: number): unknown[] {
  switch (column.type) {
    case "same":
      return Array<unknown>(count).fill(column.value);
    case "steps": {
      let value = 0;
      return column.by.map((by) => (value += by));
    }
    case "words":
      return column.at.map((at) => column.words[at]);
    case "plain":
      return column.values;
    case "lists": {
      const lengths = unfold(column.lengths, count) as number[];
      const items = unfold(column.items, lengths.reduce((sum, length) => sum + length, 0));
      let end = 0;
      return lengths.map((length) => items.slice(end, (end += length)));
    }
    case "tuples": {
      const places = column.places.map((place) => unfold(place, count));
      return Array.from({ length: count }, (_, i) => places.map((place) => place[i]));
    }
    case "records": {
      const fields = Object.entries(column.fields).map(([name, field]) => [name, unfold(field, count)] as const);
      return Array.from({ length: count }, (_, i) => Object.fromEntries(fields.map(([name, values]) => [name, values[i]])));
    }
  }
}

/** What JSON says that was packed by zlib. */
export async function unpack(bytes: Uint8Array): Promise<unknown> {
  const stream = new Blob([bytes as BlobPart]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}
