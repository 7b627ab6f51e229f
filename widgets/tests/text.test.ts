import assert from "node:assert/strict";
import { test } from "node:test";
import { pieces } from "../src/python.js";
import { plain } from "../src/terminal.js";

const kinds = (source: string): string[] => pieces(source).filter(([kind]) => kind !== "plain").map(([kind, text]) => `${kind}:${text}`);

test("terminal colours, titles and control characters are taken out", () => {
  assert.equal(plain("\u001b[31mred\u001b[0m \u001b]0;title\u0007bell\u0007"), "red bell");
});

test("a progress bar leaves what it last said", () => {
  assert.equal(plain("10%\r50%\r100%\ndone\r\n"), "100%\ndone\n");
});

test("tabs and lines stay", () => {
  assert.equal(plain("a\tb\n\nc"), "a\tb\n\nc");
});

test("source in pieces is the source", () => {
  const source = 'async def f(x):  # why\n    return f"{x}" + \'unclosed\n%%durable a\n';
  assert.equal(pieces(source).map(([, text]) => text).join(""), source);
});

test("keywords, numbers, strings and comments are told apart", () => {
  assert.deepEqual(kinds("for i in range(10): x = 'a' # done"), ["keyword:for", "keyword:in", "number:10", "string:'a'", "comment:# done"]);
});

test("a keyword in a name, a string or a comment is none", () => {
  assert.deepEqual(kinds("format = 'if' # else"), ["string:'if'", "comment:# else"]);
});

test("a hash in a string begins no comment, and a quote in a comment no string", () => {
  assert.deepEqual(kinds("'#' # it's"), ["string:'#'", "comment:# it's"]);
});

test("strings of three quotes go over lines, with their prefix", () => {
  assert.deepEqual(kinds('x = rb"""a\n"b" # c\n"""'), ['string:rb"""a\n"b" # c\n"""']);
});

test("magics and decorators are marked only where a line begins", () => {
  assert.deepEqual(kinds("%%durable a --retries 2\n@duranb.step\nx = a % b"), ["magic:%%durable a --retries 2", "magic:@duranb.step"]);
});
