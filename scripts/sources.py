"""The files of the project, as the checks see them."""
import pathlib
import subprocess

CPP = {".h", ".cpp"}


def files(root):
    """Paths relative to `root`, sorted: what git tracks or would track; without git, everything but build/, runs/ and hidden folders."""
    root = pathlib.Path(root)
    if (root / ".git").exists():
        command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
        paths = [pathlib.PurePosixPath(name) for name in names if name and (root / name).is_file()]
    else:
        paths = [pathlib.PurePosixPath(p.relative_to(root)) for p in root.rglob("*") if p.is_file()]
        paths = [p for p in paths if p.parts[0] not in ("build", "runs") and not p.parts[0].startswith(".")]
    return sorted(set(paths))


def cpp_files(root):
    return [p for p in files(root) if p.suffix in CPP]


def without_comments(text):
    """C++ text with comments and the contents of literals blanked; line breaks stay, so positions keep their line."""
    out, i, n = [], 0, len(text)
    while i < n:
        two = text[i:i + 2]
        if two == "//":
            end = i
            while end < n and text[end] != "\n":
                end += 2 if text[end] == "\\" and end + 1 < n else 1
            out.append(_blank(text[i:end]))
        elif two == "/*":
            end = text.find("*/", i + 2)
            end = n if end < 0 else end + 2
            out.append(_blank(text[i:end]))
        elif text[i] == '"' and i > 0 and text[i - 1] == "R":
            end = _raw_end(text, i)
            out.append('"' + _blank(text[i + 1:end - 1]) + '"')
        elif text[i] == '"' or (text[i] == "'" and not (i > 0 and text[i - 1].isalnum() and text[i - 1] not in "uUL")):
            end = i + 1
            while end < n and text[end] != text[i] and text[end] != "\n":
                end += 2 if text[end] == "\\" else 1
            end = min(end + 1, n)
            out.append(text[i] + _blank(text[i + 1:end - 1]) + text[i])
        else:
            end = i + 1
            out.append(text[i])
        i = end
    return "".join(out)


def _blank(text):
    return "".join(c if c == "\n" else " " for c in text)


def _raw_end(text, quote):
    mark = text[quote + 1:text.index("(", quote)]
    end = text.find(")" + mark + '"', quote)
    return len(text) if end < 0 else end + len(mark) + 2
