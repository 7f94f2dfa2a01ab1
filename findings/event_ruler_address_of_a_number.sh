#!/usr/bin/env bash
# event-ruler 2.1.0: a number without quotes is inside the address ranges that hold everything.
#
# A `cidr` pattern is about addresses, and the event {"source": 2} has none. Yet "::/0" and "0.0.0.0/0" match
# it: the library turns a number into a row of hexadecimal digits, which is also its form of an address, and
# looks only whether that lies between both ends of the range. The text "2" is in no range, as one expects.
#
# Seen: 2 and 300 match "::/0" and "0.0.0.0/0" and not "10.0.0.0/8"; "2" and "two" match none.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir -p src/main/java
cat > pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
  <properties>
    <maven.compiler.source>17</maven.compiler.source>
    <maven.compiler.target>17</maven.compiler.target>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <dependencies><dependency>
    <groupId>software.amazon.event.ruler</groupId><artifactId>event-ruler</artifactId><version>2.1.0</version>
  </dependency></dependencies>
</project>
XML
cat > src/main/java/Finding.java <<'JAVA'
import software.amazon.event.ruler.Ruler;

public class Finding {
    public static void main(String[] arguments) throws Exception {
        StringBuilder seen = new StringBuilder();
        for (String range : new String[] {"::/0", "0.0.0.0/0", "10.0.0.0/8"}) {
            for (String value : new String[] {"2", "300", "\"2\"", "\"two\""}) {
                String event = "{\"source\": " + value + "}";
                String pattern = "{\"source\": [{\"cidr\": \"" + range + "\"}]}";
                seen.append(range).append(' ').append(value).append(' ')
                    .append(Ruler.matchesRule(event, pattern)).append('\n');
            }
        }
        System.out.print(seen);
    }
}
JAVA
mvn --quiet --batch-mode compile dependency:build-classpath -Dmdep.outputFile=classpath
seen=$(java -cp "target/classes:$(cat classpath)" Finding)
echo "$seen"
[ "$seen" = '::/0 2 true
::/0 300 true
::/0 "2" false
::/0 "two" false
0.0.0.0/0 2 true
0.0.0.0/0 300 true
0.0.0.0/0 "2" false
0.0.0.0/0 "two" false
10.0.0.0/8 2 false
10.0.0.0/8 300 false
10.0.0.0/8 "2" false
10.0.0.0/8 "two" false' ] || { echo "it has changed" >&2; exit 1; }
