import { expect, it } from "vitest";
import { decimal, parse, parseExact, stringify } from "./json";

const text = '{"n":900719925474099312,"s":"900719925474099312","f":0.12345678901234567,"deep":[{"x":-12345678901234567890}],"small":7,"e":"a 1234567890123456789 b"}';

it("long numbers stay as they are: as text to read, as numbers to send back", () => {
  expect((parse(text) as { n: unknown }).n).toBe("900719925474099312");
  expect(stringify(parseExact(text))).toBe(text);
  expect(stringify({ limit: decimal("9,007,199,254,740,993") })).toBe('{"limit":9007199254740993}');
});
