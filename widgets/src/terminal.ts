// What was printed, as text.

const ESCAPES = /\u001b\[[0-9;?]*[A-Za-z]|\u001b\][^\u0007]*\u0007|[\u0000-\u0008\u000b-\u001f\u007f]/g;

/** Text as a terminal would leave it: what a line wrote over itself, as progress bars do, is gone. */
export const plain = (text: string): string =>
  text
    .split("\n")
    .map((line) => line.slice(line.lastIndexOf("\r", line.replace(/\r+$/, "").length - 1) + 1))
    .join("\n")
    .replace(ESCAPES, "");
