import assert from "node:assert/strict";
import { test } from "node:test";
import { Screen } from "./screen.ts";

class Paper {
  columns: number | undefined = 10;
  rows: number | undefined = 5;
  text = "";
  write(text: string): void {
    this.text += text.replaceAll("\u001B", "^");
  }
  take(): string {
    const { text } = this;
    this.text = "";
    return text;
  }
}

test("a block is drawn again in place, and what is printed goes above it", () => {
  const paper = new Paper();
  const screen = new Screen(paper);
  screen.draw(["one", "two"]);
  assert.equal(paper.take(), "^[?25lone^[K\ntwo^[K\n^[0J");
  screen.draw(["three"]);
  assert.equal(paper.take(), "^[?25l^[2Fthree^[K\n^[0J");
  screen.print("said");
  assert.equal(paper.take(), "^[1F^[0Jsaid\n^[?25lthree^[K\n^[0J");
  screen.close();
  screen.print("below");
  assert.equal(paper.take(), "^[?25hbelow\n");
});

test("what others write after an erasure stays above the block", () => {
  const paper = new Paper();
  const screen = new Screen(paper);
  screen.draw(["one"]);
  paper.take();
  screen.erase();
  screen.erase();
  paper.write("data\n");
  screen.draw(["two"]);
  assert.equal(paper.take(), "^[1F^[0Jdata\n^[?25ltwo^[K\n^[0J");
});

test("lines are cut at the visible width and the block at the height of the terminal", () => {
  const paper = new Paper();
  const screen = new Screen(paper);
  screen.draw(["\u001B[1mstyled\u001B[22m", "much too long", "3", "4", "5", "6"]);
  assert.equal(paper.take(), "^[?25l^[1mstyled^[22m^[K\nmuch too …^[K\n3^[K\n4^[K\n^[0J");
});

test("a terminal that says that it has no columns gets lines of 80", () => {
  const paper = new Paper();
  paper.columns = 0;
  new Screen(paper).draw(["x".repeat(100)]);
  assert.equal(paper.take(), `^[?25l${"x".repeat(79)}…^[K\n^[0J`);
});
