#include "compat/json.h"

#include <gtest/gtest.h>

namespace instar::compat {
namespace {

using namespace std::string_literals;

TEST(JsonQuote, LeavesPrintableAsciiAlone) {
  EXPECT_EQ(JsonQuote("a b/c<>&'~"), "\"a b/c<>&'~\"");
}

TEST(JsonQuote, EscapesQuotesAndControlCharacters) {
  EXPECT_EQ(JsonQuote("\"\\\b\f\n\r\t\x01\x1b\x7f"),
            R"("\"\\\b\f\n\r\t\u0001\u001B\u007F")");
  EXPECT_EQ(JsonQuote("\0"s), R"("\u0000")");
}

TEST(JsonQuote, WritesNonAsciiAsUtf16Units) {
  EXPECT_EQ(JsonQuote("\xc3\xa9"), R"("\u00E9")");
  EXPECT_EQ(JsonQuote("\xe2\x82\xac"), R"("\u20AC")");
  EXPECT_EQ(JsonQuote("\xf0\x9f\x98\x80"), R"("\uD83D\uDE00")");
}

TEST(JsonQuote, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(JsonQuote("\xff\xfe"), R"("\uFFFD\uFFFD")");
  EXPECT_EQ(JsonQuote("\x80z"), R"("\uFFFDz")");
  EXPECT_EQ(JsonQuote("\xe2\x82z"), R"("\uFFFDz")");        // cut short
  EXPECT_EQ(JsonQuote("\xe2\x82"), R"("\uFFFD")");          // at the end
  EXPECT_EQ(JsonQuote("\xc0\xaf"), R"("\uFFFD")");          // overlong
  EXPECT_EQ(JsonQuote("\xed\xa0\x80"), R"("\uFFFD")");      // a surrogate
  EXPECT_EQ(JsonQuote("\xf4\x90\x80\x80"), R"("\uFFFD")");  // past the end
  EXPECT_EQ(JsonQuote("\xef\xbf\xbf"), R"("\uFFFD")");      // no character
}

TEST(JsonPrint, IndentsByFourAndBreaksEmptyLists) {
  Json inner = Json::Object();
  inner.Add("list", Json::List());
  inner.Add("object", Json::Object());
  Json list = Json::List();
  list.Append(Json::Number(-1));
  list.Append(Json::Unsigned(UINT64_MAX));
  Json top = Json::Object();
  top.Add("z", Json::Bool(true));
  top.Add("a", std::move(inner));
  top.Add("n", std::move(list));
  EXPECT_EQ(top.Print(),
            R"({
    "z": true,
    "a": {
        "list": [
        ],
        "object": {
        }
    },
    "n": [
        -1,
        18446744073709551615
    ]
})");
}

}  // namespace
}  // namespace instar::compat
