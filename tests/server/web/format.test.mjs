// Numbers and times as people read them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { balance, credits, daysBetween, nextMidnight } from "../../../server/web/app/format.js";

test("credits have the decimals it takes to see a short reply move them", () => {
  assert.equal(credits(4_100), "0.004");
  assert.equal(credits(12_000), "0.012");
  assert.equal(credits(10_000_000), "10");
  assert.equal(credits(41), "0.000041");
  assert.equal(credits(0), "0");
  assert.equal(credits(1_234_567_890), "1,234.6");
});

test("the balance never shows more than there is", () => {
  assert.equal(balance(9_999_900), "9.999");
  assert.equal(balance(98_416_999), "98.416");
  assert.equal(balance(110_009_999), "110.00");
});

test("the next midnight is the person's own", () => {
  const noon = Date.UTC(2026, 10, 21, 12, 0, 0);
  assert.equal(nextMidnight("UTC", noon), Date.UTC(2026, 10, 22));
  assert.equal(nextMidnight("Asia/Kolkata", noon), Date.UTC(2026, 10, 21, 18, 30));
  assert.equal(nextMidnight("America/Los_Angeles", noon), Date.UTC(2026, 10, 22, 8));
});

test("days are counted by midnights, not by hours", () => {
  const late = new Date(2026, 10, 20, 23, 59).getTime();
  const early = new Date(2026, 10, 21, 0, 1).getTime();
  assert.equal(daysBetween(late, early), 1);
  assert.equal(daysBetween(early, early + 3_600_000), 0);
});
